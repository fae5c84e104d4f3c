import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Connection, json } from '../../src/index.js';
import { concat } from '../../src/bytes.js';
import { pipe, settled } from '../pipe.js';
import { steps } from '../steps.js';

const recorded = JSON.parse(await readFile(new URL('../testdata/recorded.json', import.meta.url), 'utf8'));
const bytesOf = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));

/** A connection, and the far end of its transport, which takes what it sends. */
async function open() {
  const [near, far] = pipe();
  const connection = new Connection(near, { codec: json, keepAlive: false });
  far.start({ message() {}, closed() {} });
  connection.ping().catch(() => {});
  await settled();
  return { connection, near, far };
}

const names = Object.keys(steps);

/** Does all steps, with the recorded answers in pieces, and compares. */
async function play(cut) {
  const { connection, near, far } = await open();
  for (const piece of cut(bytesOf(recorded.opening.server))) far.send(piece);
  await settled();
  assert.deepEqual(concat(near.sent), bytesOf(recorded.opening.client));
  for (const name of names) {
    const from = near.sent.length;
    const outcome = steps[name](connection);
    await settled();
    assert.deepEqual(concat(near.sent.slice(from)), bytesOf(recorded[name].client), name);
    for (const piece of cut(bytesOf(recorded[name].server))) far.send(piece);
    assert.deepEqual(JSON.parse(JSON.stringify(await outcome)), recorded[name].outcome, name);
  }
  assert.equal(connection.state, 'open');
}

test('every step is recorded', () => assert.deepEqual(Object.keys(recorded), ['opening', ...names]));

test('the recorded answers of a Go peer', () => play((bytes) => [bytes]));

test('the recorded answers, byte by byte', () => play((bytes) => [...bytes].map((b) => Uint8Array.of(b))));

test('the recorded answers, split at every place', async () => {
  const longest = Math.max(...Object.values(recorded).map(({ server }) => server.length / 2));
  for (let at = 0; at < longest; at++) await play((bytes) => [bytes.subarray(0, at), bytes.subarray(at)]);
});

test('recorded answers that are cut short fail typed, at every place', async () => {
  for (const name of names) {
    const { server, outcome } = recorded[name];
    for (let n = 0; n < server.length / 2; n++) {
      const { connection, far } = await open();
      far.send(bytesOf(recorded.opening.server));
      await settled();
      // The request ids count from 0 in a new connection: use them up to the step's.
      for (const before of names.slice(0, names.indexOf(name))) void steps[before](connection).catch(() => {});
      await settled();
      const result = steps[name](connection);
      await settled();
      far.send(bytesOf(server).subarray(0, n));
      far.close(1011, 'cut');
      const { value, code, met } = await result;
      const got = met ?? { value, code };
      if (got.code === undefined) assert.deepEqual(got, { value: outcome.value, code: undefined }, 'complete though the last frame is not');
      else assert.ok([14, outcome.code].includes(got.code), `${name}, ${n} bytes: code ${got.code}`);
    }
  }
});
