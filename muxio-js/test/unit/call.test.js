import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Code, CloseCode, CloseError, Connection, Metadata, Priority, RpcError, bothWays, clientStream, json, methodId, serverStream, text, unary } from '../../src/index.js';
import { concat, encodeText, uvarint } from '../../src/bytes.js';
import { CONNECTION, Kind } from '../../src/frame.js';
import { HeaderReader, MessageType, encodeHeader, encodeResponseFields, parseFields } from '../../src/header.js';
import { CLOSING, sizeMark } from '../../src/inbox.js';
import { encodeError } from '../../src/wireerror.js';
import { RawPeer, event, pipe, settled, u32 } from '../pipe.js';

const K = 1024;
const THEIRS = 0x80000000;
const failsWith = (code, more = {}) => (error) => {
  assert.ok(error instanceof RpcError, `${error}`);
  assert.equal(error.code, code);
  for (const [name, value] of Object.entries(more)) assert.equal(error[name], value);
  return true;
};

/** Two connections, one at each end. */
function pair(handlers, { near = {}, far = {} } = {}) {
  const [a, b] = pipe();
  const server = new Connection(b, { initiator: false, handlers, codec: json, keepAlive: false, ...far });
  const client = new Connection(a, { codec: json, keepAlive: false, ...near });
  return { client, server, a, b };
}

/** A connection whose peer says what a test tells it to. */
async function withRaw(options = {}) {
  const [near, far] = pipe();
  const connection = new Connection(near, { keepAlive: false, ...options });
  const peer = new RawPeer(far);
  peer.settings();
  await settled();
  peer.frames = [];
  return { connection, peer, near };
}

/** Takes the frames of one call and returns its header, what follows it, and whether it has ended. */
async function readCall(peer) {
  const frame = await peer.nextOf(Kind.Open);
  return { stream: frame.stream, ...new HeaderReader().push(frame.payload) };
}

function respond(peer, call, stream, status, ...pieces) {
  const header = encodeHeader({ type: MessageType.Response, request: call.request, method: call.method, fields: encodeResponseFields(status) });
  peer.frame(stream, 0, Kind.Open, concat([header, ...pieces]));
}

const message = (bytes) => concat([sizeMark(bytes.length), bytes]);

async function collect(readable) {
  const items = [];
  for await (const item of readable) items.push(item);
  return items;
}

test('a unary call on the wire', async () => {
  const { connection, peer } = await withRaw();
  const answer = connection.call('math.add', Uint8Array.of(1, 2), { timeoutMs: 5000, metadata: { trace: 'abc' }, priority: Priority.High });
  const call = await readCall(peer);
  assert.equal(call.type, MessageType.Call);
  assert.equal(call.method, methodId('math.add'));
  assert.equal(call.request, call.stream, 'the id of the request is that of its stream');
  assert.deepEqual([...call.rest], [1, 2]);
  const fields = parseFields(call.fields);
  assert.ok(fields.timeoutMs > 4000 && fields.timeoutMs <= 5000);
  assert.equal(fields.metadata.get('trace'), 'abc');
  assert.equal(fields.priority, Priority.High);
  assert.equal((await peer.next()).kind, Kind.End);
  respond(peer, call, THEIRS, 0, Uint8Array.of(3));
  peer.frame(THEIRS, 1, Kind.End);
  assert.deepEqual([...(await answer)], [3]);
});

test('unary calls with values and errors', async () => {
  const details = [{ type: 'Amount', value: Uint8Array.of(1, 2) }];
  const { client } = pair({
    add: ({ a, b }) => a + b,
    fail: () => { throw new RpcError(Code.NotFound, 'nothing here', { reason: 'gone', details }); },
    nothing: () => undefined,
  });
  assert.equal(await client.call('add', { a: 1, b: 2 }), 3);
  assert.equal(await client.call('nothing'), null);
  await assert.rejects(client.call('fail'), (error) => {
    assert.deepEqual(error.details, details);
    return failsWith(Code.NotFound, { message: 'nothing here', reason: 'gone' })(error);
  });
  await assert.rejects(client.call('missing'), failsWith(Code.Unimplemented));
});

test('a handler that fails is told of here, its caller learns neither text nor stack', async () => {
  const failed = [];
  const secret = new TypeError('secret');
  const { client } = pair({ broken: () => { throw secret; } }, { far: { onHandlerError: (error, method) => failed.push({ error, method }) } });
  await assert.rejects(client.call('broken'), failsWith(Code.Internal, { message: 'the handler failed' }));
  assert.deepEqual(failed, [{ error: secret, method: 'broken' }]);
});

test('an error that cannot be encoded is one of the handler', async () => {
  const { client } = pair({ odd: () => { throw new RpcError(Code.NotFound, '', { details: [{ type: 'x' }] }); } });
  await assert.rejects(client.call('odd'), failsWith(Code.Internal));
});

test('codecs: one for all messages, or one for a kind of them', async () => {
  const { client } = pair({ shout: unary((value) => value.toUpperCase(), { codec: text }) });
  assert.equal(await client.call('shout', 'hey', { codec: text }), 'HEY');
  const bytes = await client.call('shout', 'hey', { requestCodec: text, responseCodec: { decode: (b) => [...b] } });
  assert.deepEqual(bytes, [...encodeText('HEY')]);
  await assert.rejects(client.call('shout', 'hey', { requestCodec: text, responseCodec: json }), failsWith(Code.Internal));
  await assert.rejects(pair({ add: () => 1 }).client.call('add', '{', { requestCodec: text }), failsWith(Code.InvalidArgument));
});

test('metadata travels both ways, priority and timeout to the handler', async () => {
  let context;
  const { client } = pair({
    meet(_, c) {
      context = c;
      c.responseMetadata.append('answer', Uint8Array.of(7));
      return c.remainingMs > 0;
    },
  });
  let metadata;
  const options = { metadata: new Metadata([['who', 'me'], ['who', 'you']]), priority: Priority.Low, timeoutMs: 60_000, onMetadata: (m) => (metadata = m) };
  assert.equal(await client.call('meet', null, options), true);
  assert.equal(context.method, 'meet');
  assert.deepEqual(context.metadata.getAll('who'), ['me', 'you']);
  assert.equal(context.priority, Priority.Low);
  assert.deepEqual([...metadata.getBytes('answer')], [7]);
});

test('server streams', async () => {
  const { client } = pair({
    count: serverStream(function* (n) { for (let i = 0; i < n; i++) yield i; }),
    slow: serverStream(async (n) => (async function* () { for (let i = 0; i < n; i++) yield await i; })()),
    part: serverStream(function* () { yield 'one'; throw new RpcError(Code.DataLoss, 'torn'); }),
    none: serverStream(() => { throw new RpcError(Code.PermissionDenied); }),
  });
  assert.deepEqual(await collect(client.serverStream('count', 3)), [0, 1, 2]);
  assert.deepEqual(await collect(client.serverStream('count', 0)), []);
  assert.deepEqual(await collect(client.serverStream('slow', 2)), [0, 1]);
  const reader = client.serverStream('part').getReader();
  assert.deepEqual(await reader.read(), { value: 'one', done: false });
  await assert.rejects(reader.read(), failsWith(Code.DataLoss, { message: 'torn' }));
  await assert.rejects(collect(client.serverStream('none')), failsWith(Code.PermissionDenied));
  await assert.rejects(collect(client.serverStream('missing')), failsWith(Code.Unimplemented));
});

test('client streams', async () => {
  const { client } = pair({
    sum: clientStream(async (start, items) => { for await (const item of items) start += item; return start; }),
    first: clientStream(async (_, items) => { const { value } = await items.getReader().read(); return value; }),
    refuse: clientStream(() => { throw new RpcError(Code.ResourceExhausted); }),
  });
  const { writable, response } = client.clientStream('sum', 10);
  const writer = writable.getWriter();
  await writer.write(1);
  await writer.write(2);
  await writer.close();
  assert.equal(await response, 13);

  const early = client.clientStream('first');
  const earlyWriter = early.writable.getWriter();
  await earlyWriter.write('x');
  assert.equal(await early.response, 'x');
  await assert.rejects(earlyWriter.write('y'), failsWith(Code.Canceled));

  const refused = client.clientStream('refuse');
  await assert.rejects(refused.response, failsWith(Code.ResourceExhausted));
  await assert.rejects(refused.writable.getWriter().closed, failsWith(Code.ResourceExhausted));
});

test('streams both ways', async () => {
  const { client } = pair({
    chat: bothWays(async function* (name, items) { yield `hello ${name}`; for await (const item of items) yield item.toUpperCase(); }),
  });
  const source = new ReadableStream({ start(c) { for (const word of ['a', 'b', 'c']) c.enqueue(word); c.close(); } });
  assert.deepEqual(await collect(source.pipeThrough(client.bothWays('chat', 'you'))), ['hello you', 'A', 'B', 'C']);
});

test('both ends call each other, and a handler its caller', async () => {
  const [a, b] = pipe();
  new Connection(b, { initiator: false, codec: json, keepAlive: false, handlers: { relay: (value, { connection }) => connection.call('double', value) } });
  const client = new Connection(a, { codec: json, keepAlive: false, handlers: { double: (value) => 2 * value } });
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => client.call('relay', n))), [2, 4, 6]);
});

test('an aborted call is cancelled at the peer, with its code', async () => {
  const { connection, peer } = await withRaw();
  const abort = new AbortController();
  const answer = connection.call('hang', undefined, { signal: abort.signal });
  const { stream } = await readCall(peer);
  const reason = new Error('enough');
  abort.abort(reason);
  await assert.rejects(answer, failsWith(Code.Canceled, { cause: reason }));
  const cancel = await peer.nextOf(Kind.Cancel);
  assert.deepEqual([cancel.stream, ...cancel.payload], [stream, Code.Canceled, 0, 0, 0]);
  await assert.rejects(connection.call('hang', undefined, { signal: abort.signal }), failsWith(Code.Canceled));
  await settled();
  assert.deepEqual(peer.frames, [], 'a call that was aborted before it began is not sent');
});

test('an abort reaches the signal of a handler', async () => {
  let signal;
  let began;
  const begun = new Promise((resolve) => (began = resolve));
  const { client } = pair({ hang: (_, context) => new Promise(() => { signal = context.signal; began(); }) });
  const abort = new AbortController();
  const answer = client.call('hang', null, { signal: abort.signal });
  await begun;
  abort.abort();
  await assert.rejects(answer, failsWith(Code.Canceled));
  await settled();
  assert.equal(signal.reason.code, Code.Canceled);
});

test('a handler that looks at its signal late finds it aborted', async () => {
  let context;
  const { client } = pair({ hang: (_, c) => new Promise(() => (context = c)) });
  const abort = new AbortController();
  const answer = client.call('hang', null, { signal: abort.signal });
  await settled();
  abort.abort();
  await assert.rejects(answer, failsWith(Code.Canceled));
  await settled();
  assert.equal(context.signal.aborted, true);
  assert.equal(context.signal.reason.code, Code.Canceled);
});

test('a call that is over leaves no listener and no timer behind', async (t) => {
  const cleared = [];
  const clear = globalThis.clearTimeout;
  t.mock.method(globalThis, 'clearTimeout', (timer) => {
    cleared.push(timer);
    clear(timer);
  });
  const started = t.mock.method(globalThis, 'setTimeout');
  const { client } = pair({ echo: (value) => value });
  const { signal } = new AbortController();
  let listeners = 0;
  for (const [name, step] of [['addEventListener', 1], ['removeEventListener', -1]]) {
    const real = signal[name].bind(signal);
    signal[name] = (...args) => {
      listeners += step;
      real(...args);
    };
  }
  await client.call('echo', 1, { signal, timeoutMs: 1e6 });
  await settled();
  assert.equal(listeners, 0);
  assert.equal(started.mock.callCount(), 2, 'one here and one at the peer');
  for (const { result } of started.mock.calls) assert.ok(cleared.includes(result));
});

test('a request that is answered before it is sent is cancelled', async () => {
  const { connection, peer } = await withRaw();
  const answer = connection.call('big', new Uint8Array(4 << 20));
  const call = await readCall(peer);
  respond(peer, call, THEIRS, 1, encodeError(new RpcError(Code.ResourceExhausted)));
  peer.frame(THEIRS, 1, Kind.End);
  await assert.rejects(answer, failsWith(Code.ResourceExhausted));
  assert.equal((await peer.nextOf(Kind.Cancel)).stream, call.stream);
  const { writable } = connection.clientStream('upload');
  const next = await readCall(peer);
  respond(peer, next, THEIRS, 0, message(Uint8Array.of(1)), CLOSING, Uint8Array.of(0));
  peer.frame(THEIRS, 1, Kind.End);
  assert.equal((await peer.nextOf(Kind.Cancel)).stream, next.stream);
  await assert.rejects(writable.getWriter().closed, failsWith(Code.Canceled));
});

test('a response that is complete ends the request, also before it is read', async () => {
  const { connection, peer } = await withRaw();
  const { readable, writable } = connection.bothWays('chat');
  const call = await readCall(peer);
  respond(peer, call, THEIRS, 0, message(Uint8Array.of(1)), CLOSING, Uint8Array.of(0));
  peer.frame(THEIRS, 1, Kind.End);
  await assert.rejects(writable.getWriter().closed, failsWith(Code.Canceled));
  assert.deepEqual(await collect(readable), [Uint8Array.of(1)]);
});

test('headers are granted to the connection, too', async () => {
  const { peer } = await withRaw({ handlers: { echo: (value) => value } });
  const fields = concat([Uint8Array.of(0x7f), uvarint(60_000), new Uint8Array(60_000)]);
  const header = encodeHeader({ type: MessageType.Call, request: 1, method: methodId('echo'), fields });
  for (let i = 0; i < 80; i++) {
    peer.frame(THEIRS + i, 0, Kind.Open, header);
    peer.frame(THEIRS + i, 1, Kind.End);
  }
  const { stream } = await peer.nextOf(Kind.Credit);
  assert.equal(stream, CONNECTION);
});

test('a timeout gives a call up at both ends', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let signal;
  const { client, server } = pair({ hang: (_, context) => new Promise(() => (signal = context.signal)) });
  const answer = client.call('hang', null, { timeoutMs: 1e8 });
  answer.catch(() => {});
  await settled();
  t.mock.timers.tick(5e7); // by the real clock, hardly any time passes
  assert.equal(signal.aborted, false);
  t.mock.timers.tick(5e7);
  await assert.rejects(answer, failsWith(Code.DeadlineExceeded));
  await settled();
  assert.equal(signal.aborted, true);
  assert.equal(signal.reason.code, Code.DeadlineExceeded);
  await assert.rejects(client.call('hang', null, { timeoutMs: 0 }), failsWith(Code.DeadlineExceeded));
  assert.throws(() => server.clientStream('x', null, { priority: 9 }), RangeError);
});

test('a handler that is late is answered for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { connection, peer } = await withRaw({ handlers: { hang: () => new Promise(() => {}) } });
  const header = encodeHeader({ type: MessageType.Call, request: 5, method: methodId('hang'), fields: Uint8Array.of(1, 2, 0xe8, 7) }); // 1000 microseconds
  peer.frame(THEIRS, 0, Kind.Open, header);
  peer.frame(THEIRS, 1, Kind.End);
  await settled();
  t.mock.timers.tick(1);
  const response = await readCall(peer);
  assert.equal(response.type, MessageType.Response);
  assert.equal(response.request, 5);
  assert.deepEqual([response.fields[0], response.rest[0]], [1, Code.DeadlineExceeded]);
  assert.equal(connection.state, 'open');
});

test('the time for a call runs from its first bytes on', async () => {
  const { peer } = await withRaw({ handlers: { late: () => 'too late' }, codec: json });
  const fields = Uint8Array.of(1, 1, 1); // a microsecond
  peer.frame(THEIRS, 0, Kind.Open, encodeHeader({ type: MessageType.Call, request: 5, method: methodId('late'), fields }));
  const began = performance.now();
  while (performance.now() - began < 0.01) await settled();
  peer.frame(THEIRS, 1, Kind.End);
  const response = await readCall(peer);
  assert.deepEqual([response.fields[0], response.rest[0]], [1, Code.DeadlineExceeded]);
});

test('the end of a reader cancels the call, and so does an aborted writer', async () => {
  const { connection, peer } = await withRaw();
  const reading = connection.serverStream('count');
  await readCall(peer);
  await reading.cancel('enough');
  assert.equal((await peer.nextOf(Kind.Cancel)).payload[0], Code.Canceled);

  const { readable, writable } = connection.bothWays('chat');
  await readCall(peer);
  await writable.abort('no more');
  assert.equal((await peer.nextOf(Kind.Cancel)).payload[0], Code.Canceled);
  await assert.rejects(readable.getReader().read(), failsWith(Code.Canceled));
});

test('a caller that leaves a stream ends the handler and runs its finally', async () => {
  let finished;
  const done = new Promise((resolve) => (finished = resolve));
  const { client } = pair({ endless: serverStream(function* () { try { for (;;) yield 1; } finally { finished(); } }) });
  for await (const item of client.serverStream('endless')) {
    assert.equal(item, 1);
    break;
  }
  await done;
});

test('a slow reader holds up the handler, not other calls', async () => {
  let sent = 0;
  const chunk = new Uint8Array(64 * K);
  const handlers = {
    flood: serverStream(function* () { for (; sent < 1000; sent++) yield chunk; }, { codec: undefined }),
    echo: (value) => value,
  };
  const { client } = pair(handlers, { near: { codec: undefined, limits: { streamWindowBytes: 256 * K } }, far: { codec: undefined } });
  const reader = client.serverStream('flood').getReader();
  await settled();
  const held = sent;
  assert.ok(held >= 3 && held <= 5, `${held} items before the first read`);
  assert.deepEqual([...(await client.call('echo', Uint8Array.of(1)))], [1]);
  for (let i = 0; i < 10; i++) assert.equal((await reader.read()).value.length, 64 * K);
  await settled();
  assert.ok(sent > held && sent <= held + 11, `${sent} items after ten reads`);
  await reader.cancel();
});

test('a writer waits for credit', async () => {
  const { connection, peer } = await withRaw();
  peer.frames = [];
  const { writable, response } = connection.clientStream('upload', undefined);
  const writer = writable.getWriter();
  const { stream } = await readCall(peer);
  await writer.ready;
  assert.equal(writer.desiredSize, 1);
  const window = 1 << 20; // of the settings that the peer sent
  await writer.write(new Uint8Array(window - 100));
  await writer.ready;
  let ready = false;
  const last = writer.write(new Uint8Array(200));
  const free = writer.ready.then(() => (ready = true));
  assert.equal(writer.desiredSize, 0);
  await settled();
  assert.equal(ready, false);
  peer.credit(stream, 1000);
  await Promise.all([last, free]);
  assert.equal(writer.desiredSize, 1);
  writer.abort().catch(() => {});
  await assert.rejects(response, failsWith(Code.Canceled));
});

test('a response that is cancelled fails the call with the code', async () => {
  const { connection, peer } = await withRaw();
  for (const [payload, code] of [[u32(Code.Aborted), Code.Aborted], [undefined, Code.Unavailable]]) {
    for (const start of [() => connection.call('x'), () => collect(connection.serverStream('x'))]) {
      const answer = start();
      const call = await readCall(peer);
      const stream = (THEIRS + call.request) >>> 0;
      respond(peer, call, stream, 0);
      peer.frame(stream, 0, Kind.Cancel, payload);
      await assert.rejects(answer, failsWith(code));
    }
  }
});

test('streaming responses that are cut, malformed, or fail before the first item', async () => {
  const { connection, peer } = await withRaw();
  const error = encodeError(new RpcError(Code.OutOfRange, 'too far'));
  const cases = [
    [[], Code.Unavailable], // ends without a status
    [[message(Uint8Array.of(1)).subarray(0, 1)], Code.Unavailable], // ends within a message
    [[CLOSING], Code.Internal], // no status
    [[CLOSING, Uint8Array.of(1), error], Code.OutOfRange],
    [[CLOSING, Uint8Array.of(1), error.subarray(0, 3)], Code.Internal],
    [[sizeMark((64 << 20) + 1)], Code.ResourceExhausted],
    [[new Uint8Array(10).fill(0xff)], Code.Internal],
  ];
  for (const [pieces, code] of cases) {
    const answer = collect(connection.serverStream('x'));
    const call = await readCall(peer);
    const stream = (THEIRS + call.request) >>> 0;
    respond(peer, call, stream, 0, ...pieces);
    peer.frame(stream, 1, Kind.End);
    await assert.rejects(answer, failsWith(code), `${code}`);
  }
  const refused = collect(connection.serverStream('x'));
  const call = await readCall(peer);
  respond(peer, call, THEIRS, 1, error);
  peer.frame(THEIRS, 1, Kind.End);
  await assert.rejects(refused, failsWith(Code.OutOfRange));
  assert.equal(connection.state, 'open');
});

test('a response that is complete is read to its end, also after the connection', async () => {
  const { connection, peer } = await withRaw();
  const reading = connection.serverStream('x');
  const call = await readCall(peer);
  respond(peer, call, THEIRS, 0, message(Uint8Array.of(1)), message(Uint8Array.of(2)), CLOSING, Uint8Array.of(0));
  peer.frame(THEIRS, 1, Kind.End);
  peer.close(1000, '');
  await event(connection, 'close');
  assert.deepEqual(await collect(reading), [Uint8Array.of(1), Uint8Array.of(2)]);
});

test('messages that nobody asked for are dropped', async () => {
  const { connection, peer } = await withRaw();
  const method = methodId('x');
  respond(peer, { request: 99, method }, THEIRS, 0, Uint8Array.of(1)); // nobody waits
  peer.frame(THEIRS, 1, Kind.End);
  peer.frame(THEIRS + 1, 0, Kind.Open, encodeHeader({ type: 9, request: 1, method })); // of another type
  peer.frame(THEIRS + 2, 0, Kind.Open, new Uint8Array(3)); // ends within its header
  peer.frame(THEIRS + 2, 1, Kind.End);
  const answer = connection.call('x');
  const call = await readCall(peer);
  respond(peer, { ...call, method: methodId('y') }, THEIRS + 3, 0, Uint8Array.of(1)); // of another method
  respond(peer, call, THEIRS + 4, 0, Uint8Array.of(2));
  respond(peer, call, THEIRS + 5, 0, Uint8Array.of(3)); // a second response
  peer.frame(THEIRS + 5, 1, Kind.End);
  peer.frame(THEIRS + 4, 1, Kind.End);
  assert.deepEqual([...(await answer)], [2]);
  await settled();
  assert.equal(peer.frames.filter(({ kind }) => kind === Kind.Open).length, 0, 'nothing is answered');
});

test('calls with hostile headers are refused', async () => {
  const { peer } = await withRaw({ handlers: { echo: (value) => value, items: serverStream(() => []) } });
  const cases = [
    ['echo', Uint8Array.of(0x80, 0), [], Code.Unimplemented], // a field that must be understood
    ['echo', Uint8Array.of(1), [], Code.InvalidArgument],
    ['items', undefined, [], Code.InvalidArgument], // no request
    ['items', undefined, [CLOSING], Code.InvalidArgument],
    ['items', undefined, [sizeMark((64 << 20) + 1)], Code.ResourceExhausted],
  ];
  for (const [i, [method, fields, pieces, code]] of cases.entries()) {
    peer.frame(THEIRS + i, 0, Kind.Open, concat([encodeHeader({ type: MessageType.Call, request: i, method: methodId(method), fields }), ...pieces]));
    peer.frame(THEIRS + i, 1, Kind.End);
    const response = await readCall(peer);
    assert.equal(response.request, i);
    assert.deepEqual([response.fields[0], response.rest[0]], [1, code], `case ${i}`);
  }
});

test('header and request come in frames of one byte', async () => {
  const { peer } = await withRaw({ handlers: { echo: (value) => value } });
  const bytes = concat([encodeHeader({ type: MessageType.Call, request: 1, method: methodId('echo') }), Uint8Array.of(1, 2, 3)]);
  bytes.forEach((b, seq) => peer.frame(THEIRS, seq, seq ? Kind.Data : Kind.Open, Uint8Array.of(b)));
  peer.frame(THEIRS, bytes.length, Kind.End);
  assert.deepEqual([...(await readCall(peer)).rest], [1, 2, 3]);
});

test('maxMessageBytes: the limit passes, one byte beyond fails the call and nothing else', async () => {
  const handlers = {
    echo: (value) => value,
    grow: (value) => new Uint8Array(value.length + 1),
    items: serverStream(function* (n) { yield new Uint8Array(n[0]); }),
    take: clientStream(async (_, items) => { for await (const item of items) return Uint8Array.of(item.length); return undefined; }),
  };
  const small = { codec: undefined, limits: { maxMessageBytes: 100 } };
  const large = { codec: undefined };
  {
    const { client } = pair(handlers, { near: large, far: small }); // the answering end has the limit
    assert.equal((await client.call('echo', new Uint8Array(100))).length, 100);
    await assert.rejects(client.call('echo', new Uint8Array(101)), failsWith(Code.ResourceExhausted));
    await assert.rejects(client.call('grow', new Uint8Array(100)), failsWith(Code.ResourceExhausted));
    await assert.rejects(collect(client.serverStream('items', Uint8Array.of(101))), failsWith(Code.ResourceExhausted));
    const taking = client.clientStream('take');
    void taking.writable.getWriter().write(new Uint8Array(101)).catch(() => {});
    await assert.rejects(taking.response, failsWith(Code.ResourceExhausted));
    assert.equal(client.state, 'open');
  }
  {
    const { client } = pair(handlers, { near: small, far: large }); // the calling end has it
    await assert.rejects(client.call('echo', new Uint8Array(101)), failsWith(Code.ResourceExhausted));
    await assert.rejects(client.call('grow', new Uint8Array(100)), failsWith(Code.ResourceExhausted));
    assert.equal((await collect(client.serverStream('items', Uint8Array.of(100))))[0].length, 100);
    await assert.rejects(collect(client.serverStream('items', Uint8Array.of(101))), failsWith(Code.ResourceExhausted));
    const { writable, response } = client.clientStream('take');
    await assert.rejects(writable.getWriter().write(new Uint8Array(101)), failsWith(Code.ResourceExhausted));
    await assert.rejects(response, failsWith(Code.ResourceExhausted));
    assert.equal(client.state, 'open');
  }
});

test('maxBufferedBytes: the limit passes, one byte beyond fails the call', async () => {
  const { connection, peer } = await withRaw({ limits: { maxBufferedBytes: 100 } });
  const answers = [connection.call('x'), connection.call('x')];
  const calls = [await readCall(peer), await readCall(peer)];
  respond(peer, calls[0], THEIRS, 0, new Uint8Array(60));
  respond(peer, calls[1], THEIRS + 1, 0, new Uint8Array(40));
  await settled();
  peer.frame(THEIRS + 1, 1, Kind.Data, new Uint8Array(1));
  await assert.rejects(answers[1], failsWith(Code.ResourceExhausted));
  peer.frame(THEIRS, 1, Kind.Data, new Uint8Array(40));
  peer.frame(THEIRS, 2, Kind.End);
  assert.equal((await answers[0]).length, 100);
});

test('maxCalls: the limit passes, one more is refused, and accepted when one is done', async () => {
  const waiting = [];
  const { client } = pair({ wait: () => new Promise((resolve) => waiting.push(resolve)) }, { far: { limits: { maxCalls: 2 } } });
  const running = [client.call('wait'), client.call('wait')];
  await assert.rejects(client.call('wait'), failsWith(Code.ResourceExhausted));
  await assert.rejects(collect(client.serverStream('wait')), failsWith(Code.ResourceExhausted));
  waiting[0]('done');
  assert.equal(await running[0], 'done');
  await settled();
  const next = client.call('wait');
  await settled();
  for (const resolve of waiting) resolve('done');
  assert.deepEqual(await Promise.all([running[1], next]), ['done', 'done']);
});

test('a handler that ignores its cancellation counts as running', async () => {
  let release;
  const { client } = pair({ wait: () => new Promise((resolve) => (release = resolve)) }, { far: { limits: { maxCalls: 1 } } });
  const abort = new AbortController();
  const left = client.call('wait', null, { signal: abort.signal });
  await settled();
  abort.abort();
  await assert.rejects(left, failsWith(Code.Canceled));
  await assert.rejects(client.call('wait'), failsWith(Code.ResourceExhausted));
  release();
  await settled();
  const next = client.call('wait');
  await settled();
  release('free');
  assert.equal(await next, 'free');
});

test('refusals that are not read close the connection', async () => {
  const { connection, peer, near } = await withRaw({ limits: { maxCalls: 2 } });
  near.gate = new Promise(() => {});
  const unknown = (i) => {
    peer.frame(THEIRS + i, 0, Kind.Open, encodeHeader({ type: MessageType.Call, request: i, method: methodId('missing') }));
    peer.frame(THEIRS + i, 1, Kind.End);
  };
  for (let i = 0; i < 3; i++) {
    unknown(i); // the first goes out, two wait
    await settled();
  }
  assert.equal(connection.state, 'open');
  unknown(3);
  await settled();
  assert.equal(connection.cause.code, CloseCode.Policy);
});

test('maxOwnCalls: the limit passes, one more fails', async () => {
  const { connection, peer } = await withRaw({ limits: { maxOwnCalls: 1 } });
  const first = connection.call('x');
  await assert.rejects(connection.call('x'), failsWith(Code.ResourceExhausted));
  const call = await readCall(peer);
  respond(peer, call, THEIRS, 0);
  peer.frame(THEIRS, 1, Kind.End);
  await first;
  connection.call('x').catch(() => {});
  await readCall(peer);
});

test('pending calls fail when the connection ends, and may be retried', async () => {
  const { connection, peer } = await withRaw();
  const { writable, response } = connection.clientStream('x');
  const pending = [connection.call('x'), collect(connection.serverStream('x')), response, writable.getWriter().closed, connection.ping()];
  for (const promise of pending) promise.catch(() => {});
  await settled();
  const closed = event(connection, 'close');
  peer.close(1011, 'broken');
  for (const promise of pending) {
    await assert.rejects(promise, (error) => {
      assert.ok(error.cause instanceof CloseError);
      assert.equal(error.cause.code, 1011);
      return failsWith(Code.Unavailable, { retriable: true })(error);
    });
  }
  const { detail } = await closed;
  assert.equal(detail.code, 1011);
  assert.equal(detail.reason, 'broken');
  assert.equal(detail.cause.remote, true);
  assert.equal(connection.state, 'closed');
  await assert.rejects(connection.call('x'), failsWith(Code.Unavailable));
});

test('the end of a connection reaches the signal of a handler', async () => {
  let signal;
  const { client } = pair({ hang: (_, context) => new Promise(() => (signal = context.signal)) });
  client.call('hang').catch(() => {});
  await settled();
  await client.close();
  await settled();
  assert.equal(signal.reason.code, Code.Unavailable);
});

test('shutdown lets calls in flight finish and refuses new ones in both directions', async () => {
  let finish;
  const { client, server } = pair({ wait: () => new Promise((resolve) => (finish = resolve)) }, { near: { handlers: { ask: () => 1 } } });
  const inFlight = client.call('wait');
  await settled();
  const goingAway = event(client, 'goingaway');
  const closed = event(client, 'close');
  const down = server.shutdown({ reason: 'restarting' });
  assert.equal(server.state, 'goingaway');
  assert.deepEqual((await goingAway).detail, { code: 1001, reason: 'restarting' });
  assert.equal(client.state, 'goingaway');
  await assert.rejects(client.call('wait'), failsWith(Code.Unavailable));
  await assert.rejects(server.call('ask'), failsWith(Code.Unavailable));
  finish('done');
  assert.equal(await inFlight, 'done');
  await down;
  assert.ok([1000, 1001].includes((await closed).detail.code));
});

test('a new call after GoAway is refused by who sent it', async () => {
  const { connection, peer } = await withRaw({ handlers: { wait: () => new Promise(() => {}) } });
  const call = (i) => {
    peer.frame(THEIRS + i, 0, Kind.Open, encodeHeader({ type: MessageType.Call, request: i, method: methodId('wait') }));
    peer.frame(THEIRS + i, 1, Kind.End);
  };
  call(0);
  await settled();
  const abort = new AbortController();
  const down = connection.shutdown({ signal: abort.signal });
  await peer.nextOf(Kind.GoAway);
  call(1);
  const response = await readCall(peer);
  assert.deepEqual([response.request, response.fields[0], response.rest[0]], [1, 1, Code.Unavailable]);
  abort.abort(); // enough waited
  await down;
  assert.equal((await peer.closed).code, 1001);
});

test('a peer that goes away is left when its answers are there', async () => {
  const { connection, peer } = await withRaw();
  const answer = connection.call('x');
  const call = await readCall(peer);
  peer.frame(CONNECTION, 0, Kind.GoAway, Uint8Array.of(0xe9, 3));
  await event(connection, 'goingaway');
  respond(peer, call, THEIRS, 0, Uint8Array.of(1));
  peer.frame(THEIRS, 1, Kind.End);
  assert.deepEqual([...(await answer)], [1]);
  assert.equal((await peer.closed).code, 1000);
});

test('a silent peer is asked for a sign of life, and given up', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let time = 0;
  const tick = (ms) => {
    time += ms;
    t.mock.timers.tick(ms);
  };
  const { connection, peer } = await withRaw({ keepAlive: { intervalMs: 100, timeoutMs: 100 }, now: () => time });
  tick(100);
  const ping = await peer.nextOf(Kind.Ping);
  peer.frame(CONNECTION, 0, Kind.Pong, ping.payload);
  await settled();
  tick(100);
  await peer.nextOf(Kind.Ping);
  assert.equal(connection.state, 'open');
  tick(100);
  assert.equal(connection.state, 'closed');
  assert.equal(connection.cause.code, CloseCode.Lost);
});

test('the sign of life is not asked for after the end', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let asked = 0;
  const { connection } = await withRaw({ keepAlive: { intervalMs: 100 }, now: () => asked++ });
  t.mock.timers.tick(100);
  const before = asked;
  t.mock.timers.tick(100);
  assert.equal(asked, before + 1);
  await connection.close();
  t.mock.timers.tick(100);
  assert.equal(asked, before + 1);
});

test('two methods cannot have the same name, and a handler is a function', () => {
  assert.throws(() => new Connection(pipe()[0], { handlers: { a: 5 } }), TypeError);
});

test('an error of a callback for metadata fails the call, not the connection', async () => {
  const { client } = pair({ echo: (value) => value });
  const oops = new Error('oops');
  await assert.rejects(client.call('echo', 1, { onMetadata: () => { throw oops; } }), (error) => error === oops);
  assert.equal(await client.call('echo', 2), 2);
});

test('random frames never do more than fail calls or close the connection', async () => {
  let state = 99;
  const random = (n) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % n;
  const handlers = {
    echo: (value) => value,
    items: serverStream(function* () { yield new Uint8Array(5); }),
    sum: clientStream(async (_, items) => { for await (const item of items) if (item.length > 3) return item; return undefined; }),
    chat: bothWays(async function* (_, items) { yield* items; }),
  };
  const methods = ['echo', 'items', 'sum', 'chat', 'missing'].map(methodId);
  for (let round = 0; round < 200; round++) {
    const { connection, peer } = await withRaw({ handlers });
    const pending = [connection.call('x'), collect(connection.serverStream('x')), connection.clientStream('x').response];
    for (const promise of pending) promise.catch(() => {});
    await settled();
    const seqs = [0, 0, 0];
    for (let i = 0; i < 15; i++) {
      const k = random(3);
      const header = encodeHeader({ type: random(2), request: random(4), method: [...methods, methodId('x')][random(6)], fields: Uint8Array.from({ length: random(4) }, () => random(5)) });
      const tail = Uint8Array.from({ length: random(12) }, () => random(8));
      const kind = [Kind.Data, Kind.Data, Kind.End, Kind.Cancel][random(4)];
      if (seqs[k] === 0) peer.frame(THEIRS + k, seqs[k]++, Kind.Open, concat([header, tail]));
      else peer.frame(THEIRS + k, kind === Kind.Cancel ? 0 : seqs[k]++, kind, kind === Kind.Data ? tail : undefined);
    }
    await settled();
    await connection.close();
    await Promise.allSettled(pending);
    await settled();
    assert.equal(connection.budget.used, 0, `round ${round} gives its memory back`);
  }
});

test('request ids of calls in flight are not used again', async () => {
  const { connection, peer } = await withRaw();
  for (let i = 0; i < 5; i++) connection.call('x').catch(() => {});
  await settled();
  const ids = peer.frames.filter(({ kind }) => kind === Kind.Open).map(({ stream }) => stream);
  assert.equal(new Set(ids).size, 5);
  mock.reset();
});
