import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { encodeText } from '../../src/bytes.js';
import { methodId } from '../../src/header.js';
import { xxh3 } from '../../src/xxh3.js';

const vectors = new URL('../testdata/xxh3_64.json', import.meta.url);

test('xxh3 gives the hashes of the reference implementation', async () => {
  const { vectors: cases } = JSON.parse(await readFile(vectors, 'utf8'));
  assert.ok(cases.length >= 200);
  for (const { len, input, xxh3_64: want } of cases) {
    const bytes = new Uint8Array(Buffer.from(input, 'hex'));
    assert.equal(bytes.length, len);
    assert.equal(xxh3(bytes).toString(16).padStart(16, '0'), want, `${len} bytes`);
  }
});

// Made with github.com/zeebo/xxh3 from bytes i * 7 modulo 256.
const LONG = [
  [1024, 'dc5acf0b043c445b'],
  [1025, 'e1d9cd946277ae26'],
  [2048, '848d24cc268f7498'],
  [2049, 'c757a52bb931999d'],
  [3000, '6168bb188259cccf'],
  [5000, '6abe8be5abcb2760'],
  [8192, '123cf9563b488d3e'],
];

test('xxh3 of inputs longer than two blocks', () => {
  for (const [length, want] of LONG) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
    assert.equal(xxh3(bytes).toString(16).padStart(16, '0'), want, `${length} bytes`);
  }
});

test('xxh3 reads the bytes of a view, not those around it', () => {
  const whole = encodeText('xxmath.addxx');
  assert.equal(xxh3(whole.subarray(2, 10)), methodId('math.add'));
});

