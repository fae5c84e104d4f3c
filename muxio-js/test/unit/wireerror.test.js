import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Malformed, concat, encodeText, uvarint } from '../../src/bytes.js';
import { Code, RpcError, codeName } from '../../src/errors.js';
import { MAX_DETAILS, MAX_DETAILS_BYTES, MAX_ERROR_BYTES, MAX_MESSAGE_TEXT_BYTES, MAX_REASON_BYTES, encodeError, failure, parseError } from '../../src/wireerror.js';

const detail = (type, ...value) => ({ type, value: Uint8Array.from(value) });

test('an error comes out as it went in', () => {
  const details = [detail('a.Type', 1, 2, 3), detail('', 0), detail('empty')];
  const error = parseError(encodeError(new RpcError(Code.NotFound, 'no such thing: é', { reason: 'thing.missing', details })));
  assert.equal(error.code, Code.NotFound);
  assert.equal(error.reason, 'thing.missing');
  assert.equal(error.message, 'no such thing: é');
  assert.deepEqual(error.details, details);
});

test('the bytes of an error', () => {
  assert.deepEqual([...encodeError(new RpcError(5, 'hi', { reason: 'r' }))], [5, 1, 0x72, 2, 0x68, 0x69]);
  assert.deepEqual([...encodeError(new RpcError(5, '', { details: [detail('t', 9)] }))], [5, 0, 0, 1, 1, 0x74, 1, 9]);
});

test('truncated errors are malformed at every split but behind the message', () => {
  const bytes = encodeError(new RpcError(Code.Internal, 'message', { reason: 'reason', details: [detail('type', 1, 2), detail('type', 3)] }));
  const short = encodeError(new RpcError(Code.Internal, 'message', { reason: 'reason' })).length;
  for (let n = 0; n < bytes.length; n++) {
    if (n === short) assert.deepEqual(parseError(bytes.subarray(0, n)).details, []);
    else assert.throws(() => parseError(bytes.subarray(0, n)), Malformed, `${n} bytes`);
  }
  assert.throws(() => parseError(concat([bytes, Uint8Array.of(0)])), Malformed);
});

test('texts at their limits pass, longer ones are cut when sent and refused when received', () => {
  const fits = new RpcError(1, 'm'.repeat(MAX_MESSAGE_TEXT_BYTES), { reason: 'r'.repeat(MAX_REASON_BYTES) });
  assert.equal(parseError(encodeError(fits)).message, fits.message);
  const long = parseError(encodeError(new RpcError(1, `${'m'.repeat(MAX_MESSAGE_TEXT_BYTES - 1)}é`, { reason: 'r'.repeat(MAX_REASON_BYTES + 1) })));
  assert.equal(long.message, 'm'.repeat(MAX_MESSAGE_TEXT_BYTES - 1), 'no half character');
  assert.equal(long.reason.length, MAX_REASON_BYTES);
  const bytes = (reason, message) => concat([Uint8Array.of(1), uvarint(reason), new Uint8Array(reason), uvarint(message), new Uint8Array(message)]);
  parseError(bytes(MAX_REASON_BYTES, MAX_MESSAGE_TEXT_BYTES));
  assert.throws(() => parseError(bytes(MAX_REASON_BYTES + 1, 0)), Malformed);
  assert.throws(() => parseError(bytes(0, MAX_MESSAGE_TEXT_BYTES + 1)), Malformed);
});

test('details at their limits pass, those beyond are left out when sent and refused when received', () => {
  const many = Array.from({ length: MAX_DETAILS + 1 }, () => detail('t'));
  assert.equal(parseError(encodeError(new RpcError(1, '', { details: many }))).details.length, MAX_DETAILS);
  const large = [{ type: 'type', value: new Uint8Array(MAX_DETAILS_BYTES - 4) }, detail('x')];
  const sent = encodeError(new RpcError(1, '', { details: large }));
  assert.equal(parseError(sent).details.length, 1);
  assert.ok(sent.length <= MAX_ERROR_BYTES);
  const one = (type, value) => concat([uvarint(type.length), encodeText(type), uvarint(value), new Uint8Array(value)]);
  const head = Uint8Array.of(1, 0, 0);
  parseError(concat([head, uvarint(2), one('', MAX_DETAILS_BYTES - 1), one('t', 0)]));
  assert.throws(() => parseError(concat([head, uvarint(2), one('', MAX_DETAILS_BYTES), one('t', 0)])), Malformed);
  assert.throws(() => parseError(concat([head, uvarint(MAX_DETAILS + 1), ...Array(MAX_DETAILS + 1).fill(one('', 0))])), Malformed);
});

test('codes that are not known keep their number', () => {
  assert.equal(parseError(encodeError(new RpcError(200, 'x'))).code, 200);
  assert.equal(codeName(200), 'code 200');
  assert.equal(codeName(Code.FailedPrecondition), 'failed precondition');
  assert.equal(new RpcError(Code.Unavailable).retriable, true);
  assert.equal(new RpcError(Code.Internal).retriable, false);
});

test('what the status of a response stands for', () => {
  assert.equal(failure(0, new Uint8Array(0)), undefined);
  assert.equal(failure(1, encodeError(new RpcError(Code.Aborted))).code, Code.Aborted);
  assert.equal(failure(1, Uint8Array.of(1, 9)).code, Code.Internal, 'an error that does not parse');
  assert.equal(failure(2, encodeText('broken')).message, 'broken');
  assert.equal(failure(3, new Uint8Array(0)).code, Code.Unimplemented);
  assert.equal(failure(4, new Uint8Array(0)).code, Code.Internal);
});
