import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ByteQueue, MAX_UVARINT_BYTES, concat, encodeText, readUvarint, uvarint } from '../../src/bytes.js';
import { Code, RpcError } from '../../src/errors.js';
import { Budget, CLOSING, Collector, Inbox, sizeMark } from '../../src/inbox.js';
import { MAX_ERROR_BYTES } from '../../src/wireerror.js';

const failsWith = (code) => (error) => error instanceof RpcError && error.code === code;
const message = (text) => concat([sizeMark(encodeText(text).length), encodeText(text)]);
const inboxOf = (limit = 1000, budget = new Budget(1000)) => new Inbox(budget, limit);

test('uvarints', () => {
  for (const value of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
    const bytes = uvarint(value);
    assert.deepEqual(readUvarint(bytes, 0), { value, next: bytes.length });
    for (let n = 0; n < bytes.length; n++) assert.equal(readUvarint(bytes.subarray(0, n), 0), undefined);
  }
  const most = [...Array(MAX_UVARINT_BYTES - 1).fill(0xff), 1];
  assert.ok(readUvarint(most, 0).value > Number.MAX_SAFE_INTEGER);
  assert.equal(readUvarint([...Array(MAX_UVARINT_BYTES - 1).fill(0xff), 2], 0), null, '65 bits');
  assert.equal(readUvarint(Array(MAX_UVARINT_BYTES).fill(0x80), 0), null, '11 bytes');
});

test('a queue gives bytes back in order, however they came', () => {
  const want = Uint8Array.from({ length: 3000 }, (_, i) => i % 251);
  for (const size of [1, 2, 7, 100, 2999, 3000]) {
    const queue = new ByteQueue();
    for (let at = 0; at < want.length; at += size) queue.push(want.subarray(at, at + size));
    assert.deepEqual(queue.peek(10), want.subarray(0, 10));
    assert.deepEqual(queue.shift(1), want.subarray(0, 1));
    const taken = [];
    while (queue.length > 1000) taken.push(queue.shift(333));
    assert.deepEqual(queue.peek(5000), want.subarray(1 + concat(taken).length));
    assert.deepEqual(concat([...taken, queue.takeAll()]), want.subarray(1));
    assert.equal(queue.length, 0);
  }
});

test('messages come out of bytes that are split anywhere', async () => {
  const bytes = concat([message('first'), message(''), message('x'.repeat(200)), CLOSING, Uint8Array.of(0)]);
  for (let split = 0; split <= bytes.length; split++) {
    let granted = 0;
    const budget = new Budget(1000);
    const inbox = inboxOf(1000, budget);
    inbox.attach((n) => (granted += n));
    const early = inbox.next();
    inbox.push(bytes.subarray(0, split));
    inbox.push(bytes.subarray(split));
    inbox.end();
    assert.equal((await early).message.length, 5);
    assert.equal((await inbox.next()).message.length, 0);
    assert.deepEqual((await inbox.next()).message, encodeText('x'.repeat(200)));
    const { message: closing, closing: isClosing } = await inbox.next();
    assert.ok(isClosing);
    assert.deepEqual([...closing], [0]);
    assert.equal(await inbox.next(), undefined);
    assert.equal(granted, bytes.length);
    assert.equal(budget.used, 0);
  }
});

test('a stream that ends within a message is cut short at every byte', async () => {
  const bytes = message('y'.repeat(300));
  for (let n = 1; n < bytes.length; n++) {
    const inbox = inboxOf();
    inbox.push(bytes.subarray(0, n));
    inbox.end();
    await assert.rejects(inbox.next(), failsWith(Code.Unavailable), `${n} bytes`);
  }
  const empty = inboxOf();
  empty.end();
  assert.equal(await empty.next(), undefined);
});

test('bytes that nobody asked for are not granted', async () => {
  let granted = 0;
  const inbox = inboxOf();
  inbox.attach((n) => (granted += n));
  inbox.push(concat([message('one'), message('two')]));
  assert.equal(granted, 0);
  await inbox.next();
  assert.equal(granted, 4);
});

test('a message at the limit passes, one beyond is refused before it arrives', async () => {
  const inbox = inboxOf(10);
  inbox.push(message('x'.repeat(10)));
  assert.equal((await inbox.next()).message.length, 10);
  inbox.push(sizeMark(11));
  await assert.rejects(inbox.next(), failsWith(Code.ResourceExhausted));
  const huge = inboxOf(10);
  huge.push(Uint8Array.from([...Array(9).fill(0xff), 1]));
  await assert.rejects(huge.next(), failsWith(Code.ResourceExhausted));
});

test('unfinished messages at the budget pass, one byte beyond fails and gives it back', async () => {
  const budget = new Budget(100);
  const [one, other] = [inboxOf(1000, budget), inboxOf(1000, budget)];
  const waits = one.next();
  one.push(concat([sizeMark(200), new Uint8Array(60)]));
  const fails = other.next();
  other.push(concat([sizeMark(200), new Uint8Array(40)]));
  assert.equal(budget.used, 100);
  other.push(new Uint8Array(1));
  await assert.rejects(fails, failsWith(Code.ResourceExhausted));
  assert.equal(budget.used, 60);
  one.fail(new RpcError(Code.Canceled));
  await assert.rejects(waits, failsWith(Code.Canceled));
  await assert.rejects(one.next(), failsWith(Code.Canceled));
  assert.equal(budget.used, 0);
});

test('an error at its limit passes, one byte beyond does not', async () => {
  for (const [length, code] of [[1 + MAX_ERROR_BYTES, undefined], [2 + MAX_ERROR_BYTES, Code.Internal]]) {
    const inbox = inboxOf(1000, new Budget(1 << 20));
    inbox.push(concat([CLOSING, new Uint8Array(length)]));
    inbox.end();
    if (code) await assert.rejects(inbox.next(), failsWith(code));
    else assert.equal((await inbox.next()).message.length, length);
  }
});

test('malformed sizes', async () => {
  const inbox = inboxOf();
  inbox.push(new Uint8Array(11).fill(0x80));
  await assert.rejects(inbox.next(), failsWith(Code.Internal));
});

test('a collector takes a message up to its limit', () => {
  const budget = new Budget(1000);
  const collector = new Collector(budget, 10);
  collector.add(new Uint8Array(4));
  collector.add(new Uint8Array(6));
  assert.throws(() => collector.add(new Uint8Array(1)), failsWith(Code.ResourceExhausted));
  assert.equal(collector.take().length, 10);
  assert.equal(budget.used, 0);
  assert.equal(collector.take().length, 0);
});
