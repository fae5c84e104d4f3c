import assert from 'node:assert/strict';
import { test } from 'node:test';

import { concat, encodeText, uvarint } from '../../src/bytes.js';
import { Code, RpcError } from '../../src/errors.js';
import { HeaderReader, MessageType, Priority, encodeFields, encodeHeader, encodeResponseFields, methodId, parseFields, parseResponseFields } from '../../src/header.js';
import { MAX_ENCODED_BYTES, MAX_METADATA_BYTES, Metadata } from '../../src/metadata.js';

const failsWith = (code) => (error) => error instanceof RpcError && error.code === code;
const field = (tag, ...bytes) => concat([Uint8Array.of(tag), uvarint(bytes.length), Uint8Array.from(bytes)]);

test('a header comes out of bytes that are split anywhere', () => {
  const fields = encodeFields({ timeoutMs: 1.5, metadata: new Metadata({ trace: 'abc' }), priority: Priority.High });
  const bytes = concat([encodeHeader({ type: MessageType.Call, request: 0x81020304, method: methodId('a'), fields }), encodeText('rest')]);
  const headBytes = bytes.length - 4;
  for (let split = 0; split <= bytes.length; split++) {
    const reader = new HeaderReader();
    const first = reader.push(bytes.subarray(0, split));
    assert.equal(first !== undefined, split >= headBytes);
    const header = first ?? reader.push(bytes.subarray(split));
    assert.equal(header.type, MessageType.Call);
    assert.equal(header.request, 0x81020304);
    assert.equal(header.method, methodId('a'));
    assert.equal(header.headerBytes, headBytes);
    assert.deepEqual([...header.rest], [...encodeText('rest')].slice(0, split >= headBytes ? split - headBytes : 4));
    const parsed = parseFields(header.fields);
    assert.equal(parsed.timeoutMs, 1.5);
    assert.equal(parsed.priority, Priority.High);
    assert.deepEqual(parsed.metadata.getAll('trace'), ['abc']);
  }
});

test('a header of zeros, which looks complete from anywhere, is put together', () => {
  for (let split = 1; split < 15; split++) {
    const reader = new HeaderReader();
    assert.equal(reader.push(new Uint8Array(split)), undefined);
    assert.equal(reader.push(new Uint8Array(40 - split)).rest.length, 25);
  }
});

test('the bytes of a header', () => {
  const fields = encodeFields({ timeoutMs: 0.3, metadata: new Metadata([['k', Uint8Array.of(255)]]), priority: Priority.Low });
  assert.deepEqual([...fields], [1, 2, 0xac, 2, 2, 3, 1, 0x6b, 255, 3, 1, 0]);
  assert.deepEqual([...encodeFields({ sizeBytes: 65536 })], [], 'a message of one frame');
  assert.deepEqual([...encodeFields({ sizeBytes: 65537 })], [4, 3, 0x81, 0x80, 4]);
  const header = encodeHeader({ type: 1, request: 5, method: 0x0102030405060708n, fields: encodeResponseFields(3) });
  assert.deepEqual([...header], [1, 5, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 1, 0, 3]);
});

test('truncated fields are malformed at every split, unless they end between two', () => {
  const parts = [encodeFields({ timeoutMs: 1000 }), encodeFields({ metadata: new Metadata({ key: 'value' }) }), encodeFields({ priority: 2 })];
  const bytes = concat(parts);
  const whole = new Set([0, parts[0].length, parts[0].length + parts[1].length]);
  for (let n = 0; n < bytes.length; n++) {
    if (whole.has(n)) parseFields(bytes.subarray(0, n));
    else assert.throws(() => parseFields(bytes.subarray(0, n)), failsWith(Code.InvalidArgument), `${n} bytes`);
  }
});

test('hostile fields', () => {
  for (const bytes of [
    field(1), // no number
    field(1, 5, 0), // bytes behind the number
    field(1, ...Array(10).fill(0xff), 1), // more than 64 bits
    field(2), // no key
    field(2, 0), // an empty key
    field(2, 9, 0x61), // a key that is not there
    field(2, 1, 0x41), // an upper-case key
    field(3, 3),
    field(3, 1, 1),
    concat([Uint8Array.of(2), Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 255, 1)]), // a length of 2^64-1
  ]) {
    assert.throws(() => parseFields(bytes), failsWith(Code.InvalidArgument), [...bytes].join(' '));
  }
});

test('an unknown field is skipped unless it must be understood', () => {
  assert.equal(parseFields(concat([field(0x7f, 1, 2, 3), field(3, 2)])).priority, Priority.High);
  assert.throws(() => parseFields(field(0x80, 1)), failsWith(Code.Unimplemented));
});

test('metadata at its limit passes, one byte beyond is refused', () => {
  const room = MAX_METADATA_BYTES - 'key'.length;
  const most = new Metadata({ key: new Uint8Array(room) });
  assert.equal(parseFields(encodeFields({ metadata: most })).metadata.getBytes('key').length, room);
  assert.throws(() => new Metadata({ key: new Uint8Array(room + 1) }), RangeError);
  const other = encodeFields({ metadata: new Metadata({ a: '' }) });
  assert.throws(() => parseFields(concat([encodeFields({ metadata: most }), other])), failsWith(Code.ResourceExhausted));
});

test('metadata of many short values is bounded by what a header holds', () => {
  const metadata = new Metadata();
  const encodedSize = 4; // of a key of one letter without a value
  for (let i = 0; i < MAX_ENCODED_BYTES / encodedSize; i++) metadata.append('k', '');
  assert.throws(() => metadata.append('k', ''), RangeError);
  const fields = encodeFields({ metadata, timeoutMs: Number.MAX_SAFE_INTEGER / 1000, priority: Priority.Low, sizeBytes: Number.MAX_SAFE_INTEGER });
  assert.ok(fields.length < 1 << 16);
  const header = new HeaderReader().push(encodeHeader({ type: 0, request: 0, method: 0n, fields }));
  assert.equal(parseFields(header.fields).metadata.size, metadata.size);
});

test('keys of metadata', () => {
  for (const key of ['a', '0', 'trace-id', 'a_b.c', 'k'.repeat(128)]) new Metadata({ [key]: '' });
  for (const key of ['', 'A', 'a b', 'é', 'k'.repeat(129)]) assert.throws(() => new Metadata([[key, '']]), TypeError);
  assert.throws(() => new Metadata({ key: 5 }), TypeError);
});

test('metadata has several values under a key, as texts and as bytes', () => {
  const metadata = new Metadata([['k', 'one'], ['other', Uint8Array.of(1, 2)], ['k', 'two']]);
  assert.equal(metadata.get('k'), 'one');
  assert.deepEqual(metadata.getAll('k'), ['one', 'two']);
  assert.deepEqual([...metadata.getBytes('other')], [1, 2]);
  assert.equal(metadata.get('none'), undefined);
  assert.deepEqual([...new Metadata(metadata)].map(([key]) => key), ['k', 'other', 'k']);
});

test('a response without fields is a success', () => {
  assert.equal(parseResponseFields(new Uint8Array(0)).status, 0);
  const { status, metadata } = parseResponseFields(encodeResponseFields(1, new Metadata({ a: 'b' })));
  assert.equal(status, 1);
  assert.equal(metadata.get('a'), 'b');
});
