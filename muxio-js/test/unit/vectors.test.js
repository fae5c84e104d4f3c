// The examples of every element of the wire that the Go modules make and read.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';

import { Connection, Metadata, RpcError, bothWays, methodId, text, unary } from '../../src/index.js';
import { Malformed, concat } from '../../src/bytes.js';
import { Violation } from '../../src/errors.js';
import { FrameParser, encodeFrame } from '../../src/frame.js';
import { HeaderReader, MessageType, encodeFields, encodeHeader, encodeResponseFields, parseFields, parseResponseFields } from '../../src/header.js';
import { Budget, Inbox } from '../../src/inbox.js';
import { DEFAULT_SETTINGS, parseSettings } from '../../src/settings.js';
import { encodeError, parseError } from '../../src/wireerror.js';
import { pipe, settled } from '../pipe.js';

const vectors = JSON.parse(await readFile(new URL('../../../muxio/testdata/vectors.json', import.meta.url), 'utf8'));
const bytesOf = (hex = '') => new Uint8Array(Buffer.from(hex, 'hex'));
const hexOf = (bytes) => Buffer.from(bytes).toString('hex');

/** Runs check for each vector of a section. */
function each(section, check) {
  describe(section, () => {
    for (const vector of vectors[section]) test(vector.name, (t) => check(vector, t));
  });
}

test('every section is looked at', () => {
  assert.deepEqual(Object.keys(vectors), ['frames', 'settings', 'goaways', 'headers', 'errors', 'messages', 'conversations', 'violations']);
});

each('frames', ({ bytes, stream, seq, kind, payload }) => {
  assert.equal(hexOf(encodeFrame(stream, seq, kind, bytesOf(payload))), bytes);
  const frames = [];
  new FrameParser(1 << 16).push(bytesOf(bytes), (frame) => void frames.push({ ...frame, payload: hexOf(frame.payload) }));
  assert.deepEqual(frames, [{ stream, seq, kind, length: payload.length / 2, payload }]);
});

each('settings', ({ bytes, pairs = [], error }) => {
  const parse = () => parseSettings(bytesOf(bytes));
  if (error) {
    assert.throws(parse, (e) => e instanceof Violation && e.code === error);
    return;
  }
  const want = { ...DEFAULT_SETTINGS };
  for (const { id, value } of pairs) {
    const name = Object.keys(DEFAULT_SETTINGS)[id - 1];
    if (name) want[name] = Number(value);
  }
  assert.deepEqual(parse(), want);
});

each('goaways', ({ bytes, code, text: reason }) => {
  const [near] = pipe();
  const connection = new Connection(near, { keepAlive: false });
  let goodbye;
  near.onClose = (end) => (goodbye = end.goodbye);
  void connection.close({ code, reason });
  assert.equal(hexOf(goodbye.subarray(13)), bytes);
});

each('headers', ({ bytes, type, request, method, method_id: id, status, fields = [], error }) => {
  const header = new HeaderReader().push(bytesOf(bytes));
  assert.equal(methodId(method), BigInt(id));
  assert.deepEqual([header.type, header.request, header.method, header.rest.length], [type, request, BigInt(id), 0]);
  const parse = () => (type === MessageType.Call ? parseFields(header.fields) : parseResponseFields(header.fields));
  if (error) {
    assert.throws(parse, (e) => e instanceof RpcError && e.code === error);
    return;
  }
  const parsed = parse();
  const metadata = new Metadata(fields.filter(({ tag }) => tag === 2).map(({ key, value }) => [key, bytesOf(value)]));
  assert.deepEqual([...parsed.metadata], [...metadata]);
  const [timeout, priority] = [fields.find(({ tag }) => tag === 1)?.timeout_us, fields.find(({ tag }) => tag === 3)?.priority];
  if (type === MessageType.Response) assert.equal(parsed.status, status);
  else assert.deepEqual([parsed.timeoutMs, parsed.priority], [timeout && Number(timeout) / 1000, priority ?? 1]);

  // The order of fields is free: what is encoded must mean the same.
  const encoded = status === undefined ? encodeFields(parsed) : encodeResponseFields(status, parsed.metadata);
  const again = new HeaderReader().push(encodeHeader({ type, request, method: BigInt(id), fields: encoded }));
  const meaning = type === MessageType.Call ? parseFields(again.fields) : parseResponseFields(again.fields);
  assert.deepEqual({ ...meaning, metadata: [...meaning.metadata] }, { ...parsed, metadata: [...metadata] });
  if (fields.length <= 1 && !fields.some(({ tag }) => tag > 3)) assert.equal(hexOf(encoded), hexOf(header.fields));
});

each('errors', ({ bytes, code, reason, message, details = [], refused }) => {
  if (refused) {
    assert.throws(() => parseError(bytesOf(bytes)), Malformed);
    return;
  }
  const want = details.map(({ type, value }) => ({ type, value: bytesOf(value) }));
  assert.equal(hexOf(encodeError(new RpcError(code, message, { reason, details: want }))), bytes);
  const error = parseError(bytesOf(bytes));
  assert.deepEqual([error.code, error.reason, error.message, error.details], [code, reason, message, want]);
});

each('messages', async ({ bytes, payload, closing }) => {
  const inbox = new Inbox(new Budget(1000), 1000);
  inbox.push(bytesOf(bytes));
  inbox.end();
  const next = await inbox.next();
  assert.deepEqual([hexOf(next.message), next.closing], [payload, closing]);
});

each('violations', async ({ bytes, error }) => {
  const [near, far] = pipe();
  const connection = new Connection(near, { initiator: false, keepAlive: false });
  far.start({ message() {}, closed() {} });
  far.send(bytesOf(bytes));
  await settled();
  assert.deepEqual([connection.cause?.code, connection.cause?.remote], [error, false]);
  assert.notEqual(connection.cause.reason, '');
});

/** Answers the calls of the conversations. */
const handlers = {
  'example.echo': unary((value) => {
    if (value === 'fail') throw new RpcError(5, 'no thing by the name é', { reason: 'thing.missing' });
    return value;
  }),
  'example.count': bothWays(async function* (_, items) {
    let n = 0;
    for await (const item of items) yield String(item && ++n);
  }),
};

/** Makes the calls of the conversations. Each yield lets the other end speak. */
const callers = {
  async *'unary call of example.echo'(connection) {
    const answer = connection.call('example.echo', 'hello');
    yield;
    assert.equal(await answer, 'hello');
  },
  async *'unary call that fails'(connection) {
    const answer = connection.call('example.echo', 'fail', { timeoutMs: 2000 });
    answer.catch(() => {});
    yield;
    await assert.rejects(answer, { code: 5, reason: 'thing.missing', message: 'no thing by the name é' });
  },
  async *'streaming call of example.count, both ends send items'(connection) {
    const { readable, writable } = connection.bothWays('example.count', 'go');
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    await writer.write('a');
    yield;
    await writer.write('bb');
    await writer.close();
    yield;
    assert.deepEqual([(await reader.read()).value, (await reader.read()).value, (await reader.read()).done], ['1', '2', true]);
  },
  async *'streaming call that the caller gives up'(connection) {
    const { readable, writable } = connection.bothWays('example.count', 'go');
    await writable.getWriter().write('a');
    yield;
    await readable.cancel();
    yield;
  },
  async *'the responder shuts down'() {
    yield;
  },
};

/** One end of a conversation: a connection, and the other end, which says what the steps say. */
async function play(t, { steps }, end) {
  t.mock.method(performance, 'now', () => 0); // so that a timeout travels whole
  const [near, far] = pipe();
  far.start({ message() {}, closed() {} });
  const connection = new Connection(near, { initiator: end === 'initiator', handlers, codec: text, keepAlive: false });
  let goodbye = new Uint8Array(0);
  near.onClose = (end) => (goodbye = end.goodbye);
  await settled();
  let said = near.sent.length; // its Settings, which are not the defaults
  far.send(bytesOf(steps.find(({ from }) => from !== end).bytes));
  await settled();
  const rest = steps.slice(2);
  return {
    connection,
    rest,
    /** Compares what the connection has said with the steps up to the other end's, and says those. */
    async exchange() {
      await settled();
      const own = [];
      while (rest[0]?.from === end) own.push(rest.shift().bytes);
      assert.equal(hexOf(concat([new Uint8Array(0), ...near.sent.slice(said), goodbye])), own.join(''));
      said = near.sent.length;
      while (rest.length > 0 && rest[0].from !== end) far.send(bytesOf(rest.shift().bytes));
      await settled();
    },
  };
}

describe('conversations are called', () => {
  for (const vector of vectors.conversations) {
    const caller = callers[vector.name];
    if (!caller) continue;
    test(vector.name, async (t) => {
      const { connection, rest, exchange } = await play(t, vector, 'initiator');
      for await (const _ of caller(connection)) await exchange();
      if (rest.length > 0) await exchange();
      assert.equal(rest.length, 0);
    });
  }
  test('all of them, but for a method without a name', () => {
    const names = vectors.conversations.map(({ name }) => name).filter((name) => !callers[name]);
    assert.deepEqual(names, ['unary call of a method that is not answered']);
  });
});

describe('conversations are answered', () => {
  for (const vector of vectors.conversations.filter(({ steps }) => steps.at(-1).from === 'responder')) {
    test(vector.name, async (t) => {
      const { rest, exchange } = await play(t, vector, 'responder');
      while (rest.length > 0) await exchange();
      await exchange();
    });
  }
});
