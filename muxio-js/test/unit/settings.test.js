import assert from 'node:assert/strict';
import { test } from 'node:test';

import { concat, viewOf } from '../../src/bytes.js';
import { CloseCode, Violation } from '../../src/errors.js';
import { DEFAULT_LIMITS, MAX_CREDIT, withDefaults } from '../../src/limits.js';
import { DEFAULT_SETTINGS, encodeSettings, parseSettings } from '../../src/settings.js';

function pair(id, value) {
  const bytes = new Uint8Array(10);
  viewOf(bytes).setUint16(0, id, true);
  viewOf(bytes).setBigUint64(2, BigInt(value), true);
  return bytes;
}

const refused = (bytes) => assert.throws(() => parseSettings(bytes), (e) => e instanceof Violation && e.code === CloseCode.ProtocolError);

test('settings come out as they went in', () => {
  const { streamWindowBytes, connectionWindowBytes, maxFrameBytes, maxStreams } = DEFAULT_LIMITS;
  assert.deepEqual(parseSettings(encodeSettings(DEFAULT_LIMITS)), {
    version: 1,
    streamWindowBytes,
    connectionWindowBytes,
    maxFrameBytes,
    maxStreams,
  });
  assert.deepEqual(parseSettings(new Uint8Array(0)), { ...DEFAULT_SETTINGS });
});

test('truncated settings are refused', () => {
  const bytes = encodeSettings(DEFAULT_LIMITS);
  for (let n = 0; n < bytes.length; n++) {
    if (n % 10 === 0) parseSettings(bytes.subarray(0, n));
    else refused(bytes.subarray(0, n));
  }
});

test('a setting at its default passes, one below is refused', () => {
  for (const [id, least] of [[1, 1], [2, 262144], [3, 16777216], [4, 65536], [5, 100]]) {
    parseSettings(pair(id, least));
    refused(pair(id, least - 1));
  }
});

test('a setting must not come twice', () => {
  refused(concat([pair(2, 300000), pair(2, 300000)]));
  refused(concat([pair(99, 1), pair(99, 1)]));
});

test('as many settings as may be pass, one more is refused', () => {
  const many = (n) => concat(Array.from({ length: n }, (_, i) => pair(1000 + i, 0)));
  parseSettings(many(64));
  refused(many(65));
});

test('an unknown setting is skipped unless it must be understood', () => {
  assert.deepEqual(parseSettings(concat([pair(0x7fff, 1), pair(5, 700)])).maxStreams, 700);
  refused(pair(0x8000, 1));
  refused(pair(0xffff, 1));
});

test('values over what can be used are cut', () => {
  assert.equal(parseSettings(pair(2, 2n ** 64n - 1n)).streamWindowBytes, MAX_CREDIT);
  assert.equal(parseSettings(pair(1, 9)).version, 1);
});

test('limits that cannot work are refused by name', () => {
  assert.equal(withDefaults({ maxStreams: 500 }).maxStreams, 500);
  assert.equal(withDefaults({ maxStreams: undefined }).maxStreams, DEFAULT_LIMITS.maxStreams);
  for (const limits of [{ maxFrameBytes: 65535 }, { streamWindowBytes: 262143 }, { maxStreams: 99 }, { maxCalls: 0 }, { maxCalls: 1.5 }, { maxCalls: MAX_CREDIT + 1 }, { maxWishes: 3 }]) {
    assert.throws(() => withDefaults(limits), (error) => error instanceof RangeError && error.message.includes(Object.keys(limits)[0]));
  }
});
