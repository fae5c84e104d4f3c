import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CloseCode, Code, Connection, RpcError, byteStreamTransport, connect } from '../../src/index.js';
import { CONNECTION, FrameParser, Kind, encodeFrame } from '../../src/frame.js';
import { MAX_BUFFERED_BYTES, openWebSocket } from '../../src/websocket.js';
import { settled } from '../pipe.js';

const failsWith = (code) => (error) => error instanceof RpcError && error.code === code;

/** A WebSocket that does what a test tells it to. */
class FakeWebSocket extends EventTarget {
  static last;
  readyState = 0;
  protocol = 'muxio.v1';
  bufferedAmount = 0;
  sent = [];

  constructor(url, protocols) {
    super();
    Object.assign(this, { url, protocols });
    FakeWebSocket.last = this;
  }

  opens() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  receives(data) {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }

  ends(code, reason = '') {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }

  send(message) {
    this.sent.push(message);
  }

  close(code, reason) {
    if (code !== 1000 && code < 3000) throw new DOMException('not for pages', 'InvalidAccessError');
    this.closedWith = { code, reason };
    this.readyState = 2;
  }
}

const open = (options) => openWebSocket('ws://test', { WebSocket: FakeWebSocket, timeoutMs: 1000, ...options });

/** Opens a transport and notes what it tells. */
async function opened() {
  const opening = open();
  const socket = FakeWebSocket.last;
  socket.opens();
  const transport = await opening;
  const log = [];
  const start = () => transport.start({ message: (bytes) => log.push(bytes), closed: (end) => log.push(end) });
  return { socket, transport, log, start };
}

test('a WebSocket asks for the subprotocol and for arrays', async () => {
  const { socket } = await opened();
  assert.deepEqual(socket.protocols, ['muxio.v1']);
  assert.equal(socket.binaryType, 'arraybuffer');
});

test('what arrives before the start is kept in order', async () => {
  const { socket, log, start } = await opened();
  socket.receives(Uint8Array.of(1).buffer);
  start();
  socket.receives(Uint8Array.of(2).buffer);
  socket.receives('text');
  socket.ends(1011, 'broken');
  await settled();
  assert.deepEqual(log, [Uint8Array.of(1), Uint8Array.of(2), 'text', { code: 1011, reason: 'broken' }]);
});

test('a close without a code is a normal one', async () => {
  const { socket, log, start } = await opened();
  start();
  await settled();
  socket.ends(1005);
  assert.equal(log[0].code, CloseCode.Normal);
});

test('another subprotocol, a refusal, an abort and a timeout are errors', async (t) => {
  const wrong = open();
  FakeWebSocket.last.protocol = '';
  FakeWebSocket.last.opens();
  await assert.rejects(wrong, failsWith(Code.Unavailable));
  assert.equal(FakeWebSocket.last.closedWith.code, 1000);

  const refused = open();
  FakeWebSocket.last.ends(1006);
  await assert.rejects(refused, failsWith(Code.Unavailable));

  const abort = new AbortController();
  const aborted = open({ signal: abort.signal });
  abort.abort();
  await assert.rejects(aborted, failsWith(Code.Canceled));
  await assert.rejects(open({ signal: abort.signal }), failsWith(Code.Canceled));

  t.mock.timers.enable({ apis: ['setTimeout'] });
  const late = open();
  t.mock.timers.tick(1000);
  await assert.rejects(late, failsWith(Code.Unavailable));
  assert.equal(FakeWebSocket.last.readyState, 2);
});

test('sending waits while the WebSocket has too much to send', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket, transport } = await opened();
  socket.bufferedAmount = MAX_BUFFERED_BYTES;
  assert.equal(transport.send(Uint8Array.of(1)), undefined);
  socket.bufferedAmount = MAX_BUFFERED_BYTES + 1;
  let done = false;
  const wait = transport.send(Uint8Array.of(2)).then(() => (done = true));
  t.mock.timers.tick(5);
  await settled();
  assert.equal(done, false);
  socket.bufferedAmount = 0;
  t.mock.timers.tick(5);
  await wait;
  assert.equal(socket.sent.length, 2);
});

test('codes that pages may not send travel in a last GoAway, and 3000 higher', async () => {
  const { socket, transport } = await opened();
  const connection = new Connection(transport, { keepAlive: false });
  await settled();
  socket.receives(encodeFrame(CONNECTION, 0, Kind.Pong, new Uint8Array(8)).buffer); // not Settings
  assert.equal(connection.cause.code, CloseCode.ProtocolError);
  assert.deepEqual(socket.closedWith, { code: 4002, reason: connection.cause.reason });
  const frames = [];
  new FrameParser(1 << 20).push(socket.sent.at(-1), (frame) => void frames.push(frame));
  assert.equal(frames[0].kind, Kind.GoAway);
  assert.deepEqual([...frames[0].payload.subarray(0, 2)], [0xea, 3]);
});

test('a client over a WebSocket that opens', async () => {
  const connecting = connect('ws://test', { WebSocket: FakeWebSocket, keepAlive: false });
  await settled();
  FakeWebSocket.last.opens();
  const client = await connecting;
  assert.equal(client.state, 'open');
  FakeWebSocket.last.ends(1006);
  await settled();
  assert.equal(client.state, 'closed');
});

/** Two byte streams in memory, the ends of one connection. */
function streams() {
  const [to, from] = [new TransformStream(), new TransformStream()];
  return [{ readable: from.readable, writable: to.writable }, { readable: to.readable, writable: from.writable }];
}

test('calls over a stream of bytes, which ends with a GoAway that has the code', async () => {
  const [a, b] = streams();
  const server = new Connection(byteStreamTransport(b), { initiator: false, handlers: { echo: (value) => value }, keepAlive: false });
  const client = new Connection(byteStreamTransport(a), { keepAlive: false });
  const big = new Uint8Array(3 << 20).fill(7);
  assert.deepEqual(await client.call('echo', big), big);
  const closed = new Promise((resolve) => server.addEventListener('close', resolve));
  await client.close({ code: 1000, reason: 'done' });
  const { detail } = await closed;
  assert.deepEqual({ code: detail.code, reason: detail.reason, remote: detail.cause.remote }, { code: 1000, reason: 'done', remote: true });
});

test('a stream of bytes that just ends is a lost connection', async () => {
  const [a, b] = streams();
  const client = new Connection(byteStreamTransport(a), { keepAlive: false });
  const pending = client.call('x');
  pending.catch(() => {});
  await b.writable.close();
  await assert.rejects(pending, failsWith(Code.Unavailable));
  assert.equal(client.cause.code, CloseCode.Lost);
});

test('a stream of bytes that fails is a lost connection', async () => {
  const [a, b] = streams();
  const client = new Connection(byteStreamTransport(a), { keepAlive: false });
  const pending = client.call('x');
  pending.catch(() => {});
  await b.writable.abort(new Error('cable cut'));
  await assert.rejects(pending, failsWith(Code.Unavailable));
  assert.equal(client.cause.code, CloseCode.Lost);
  assert.match(client.cause.reason, /cable cut/);
});
