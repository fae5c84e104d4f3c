import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Code, CloseCode, Connection, RpcError, connect, json } from '../../src/index.js';
import { backoffMs, DEFAULT_RECONNECT } from '../../src/client.js';
import { event, pipe, settled } from '../pipe.js';

const failsWith = (code) => (error) => error instanceof RpcError && error.code === code;

/** A server that is reached through pipes, and refuses when it is told to. */
function listen(handlers = { echo: (value) => value }) {
  const server = {
    connections: [],
    refuse: false,
    attempts: 0,
    transport: async () => {
      server.attempts++;
      await server.gate;
      if (server.refuse) throw new RpcError(Code.Unavailable, 'refused');
      const [near, far] = pipe();
      server.connections.push(new Connection(far, { initiator: false, codec: json, handlers, keepAlive: false }));
      return near;
    },
  };
  return server;
}

function start(server, options) {
  return connect(undefined, { transport: server.transport, codec: json, keepAlive: false, ...options });
}

/** Notes the events of a client in order. */
function events(client) {
  const log = [];
  for (const type of ['open', 'goingaway', 'reconnecting', 'close']) client.addEventListener(type, ({ detail }) => log.push({ type, ...detail }));
  return log;
}

const timers = (t) => t.mock.timers.enable({ apis: ['setTimeout'] });

test('a client without reconnecting is closed with its connection', async () => {
  const server = listen();
  const client = await start(server);
  const log = events(client);
  assert.equal(client.state, 'open');
  assert.equal(await client.call('echo', 1), 1);
  assert.ok((await client.ping()) >= 0);
  await server.connections[0].close({ code: 1011, reason: 'broken' });
  await settled();
  assert.deepEqual(log.map(({ type, code, reason, final }) => ({ type, code, reason, final })), [{ type: 'close', code: 1011, reason: 'broken', final: true }]);
  assert.equal(client.state, 'closed');
  await assert.rejects(client.call('echo', 1), failsWith(Code.Unavailable));
  await assert.rejects(client.ping(), failsWith(Code.Unavailable));
});

test('the first attempt fails for good, and typed', async () => {
  const server = listen();
  server.refuse = true;
  await assert.rejects(start(server, { reconnect: true }), failsWith(Code.Unavailable));
  await assert.rejects(connect(undefined, { transport: () => { throw new Error('no net'); } }), failsWith(Code.Unavailable));
  assert.equal(server.attempts, 1);
  await assert.rejects(connect('ws://nowhere', { WebSocket: null }), { name: globalThis.WebSocket ? 'RpcError' : 'TypeError' });
});

test('a lost connection is replaced after a wait that grows', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { minDelayMs: 100, jitter: 0 } });
  const log = events(client);
  server.refuse = true;
  server.connections[0].close({ code: 1011, reason: 'broken' });
  await settled();
  assert.equal(client.state, 'reconnecting');
  for (const delay of [100, 200, 400]) {
    assert.equal(log.at(-1).type, 'reconnecting');
    assert.equal(log.at(-1).delayMs, delay);
    const before = server.attempts;
    t.mock.timers.tick(delay - 1);
    await settled();
    assert.equal(server.attempts, before);
    if (delay === 400) server.refuse = false;
    t.mock.timers.tick(1);
    await settled();
    assert.equal(server.attempts, before + 1);
  }
  assert.deepEqual(log.map(({ type }) => type), ['close', 'reconnecting', 'reconnecting', 'reconnecting', 'open']);
  assert.equal(log[0].final, false);
  assert.equal(log[0].cause.code, 1011);
  assert.deepEqual(log.slice(1).map(({ attempt }) => attempt), [1, 2, 3, 3]);
  assert.equal(await client.call('echo', 'again'), 'again');
});

test('a connection that does not last does not shorten the wait', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { minDelayMs: 100, jitter: 0 } });
  const log = events(client);
  for (const [i, delay] of [100, 200, 400].entries()) {
    server.connections[i].close();
    await settled();
    assert.equal(log.at(-1).delayMs, delay);
    t.mock.timers.tick(delay);
    await settled();
    assert.equal(log.at(-1).type, 'open');
  }
});

test('pending calls fail, and may be retried', async (t) => {
  timers(t);
  const server = listen({ hang: () => new Promise(() => {}) });
  const client = await start(server, { reconnect: true });
  const pending = client.call('hang');
  await settled();
  server.connections[0].close();
  await assert.rejects(pending, (error) => failsWith(Code.Unavailable)(error) && error.retriable);
});

test('new calls wait for the next connection', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { jitter: 0 } });
  server.connections[0].close();
  await settled();
  const calls = [client.call('echo', 1), client.call('echo', 2)];
  const abort = new AbortController();
  const aborted = client.call('echo', 3, { signal: abort.signal });
  abort.abort();
  await assert.rejects(aborted, failsWith(Code.Canceled));
  const late = client.call('echo', 4, { timeoutMs: 50 });
  const { writable } = client.clientStream('none', null);
  writable.close().catch(() => {});
  t.mock.timers.tick(50);
  await assert.rejects(late, failsWith(Code.DeadlineExceeded));
  t.mock.timers.tick(50);
  assert.deepEqual(await Promise.all(calls), [1, 2]);
});

test('a call that is given up as its connection opens is not made', async (t) => {
  timers(t);
  const called = [];
  const server = listen({ note: (value) => called.push(value) });
  const client = await start(server, { reconnect: { jitter: 0 }, limits: { maxOwnCalls: 1 } });
  server.connections[0].close();
  await settled();
  const abort = new AbortController();
  const waiting = client.call('note', 1, { signal: abort.signal });
  client.addEventListener('open', () => abort.abort());
  t.mock.timers.tick(100);
  await assert.rejects(waiting, failsWith(Code.Canceled));
  await client.call('note', 2);
  assert.deepEqual(called, [2]);
});

test('new calls fail at once, by option', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { newCalls: 'fail' } });
  server.connections[0].close();
  await settled();
  await assert.rejects(client.call('echo', 1), (error) => failsWith(Code.Unavailable)(error) && error.retriable);
});

test('as many calls wait as maxOwnCalls allows, one more fails', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { jitter: 0 }, limits: { maxOwnCalls: 2 } });
  server.connections[0].close();
  await settled();
  const abort = new AbortController();
  const given = client.call('echo', 0, { signal: abort.signal });
  const waiting = [client.call('echo', 1)];
  await assert.rejects(client.call('echo', 3), failsWith(Code.ResourceExhausted));
  abort.abort(); // which makes room
  await assert.rejects(given, failsWith(Code.Canceled));
  waiting.push(client.call('echo', 2));
  t.mock.timers.tick(100);
  assert.deepEqual(await Promise.all(waiting), [1, 2]);
});

test('the attempts have an end', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { maxAttempts: 2, jitter: 0 } });
  const log = events(client);
  server.refuse = true;
  server.connections[0].close();
  await settled();
  const waiting = client.call('echo', 1);
  waiting.catch(() => {});
  for (let i = 0; i < 2; i++) {
    t.mock.timers.tick(1000);
    await settled();
  }
  assert.deepEqual(log.map(({ type }) => type), ['close', 'reconnecting', 'reconnecting', 'close']);
  assert.equal(log.at(-1).final, true);
  assert.equal(client.state, 'closed');
  await assert.rejects(waiting, failsWith(Code.Unavailable));
});

test('a server that goes away is left for another while it answers', async (t) => {
  timers(t);
  let finish;
  const server = listen({ wait: () => new Promise((resolve) => (finish = resolve)), echo: (value) => value });
  const client = await start(server, { reconnect: { jitter: 0 } });
  const log = events(client);
  const inFlight = client.call('wait');
  await settled();
  const down = server.connections[0].shutdown({ reason: 'restarting' });
  await settled();
  assert.equal(client.state, 'reconnecting');
  t.mock.timers.tick(100);
  await settled();
  assert.equal(await client.call('echo', 'new'), 'new');
  assert.equal(server.connections.length, 2);
  finish('old');
  assert.equal(await inFlight, 'old');
  await down;
  await settled();
  assert.deepEqual(log.map(({ type }) => type), ['goingaway', 'reconnecting', 'open', 'close']);
  assert.deepEqual({ code: log[0].code, reason: log[0].reason }, { code: 1001, reason: 'restarting' });
  assert.equal(log.at(-1).final, false);
  assert.equal(client.state, 'open');
});

test('a client that goes away itself does not come back', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: true });
  const closed = event(client, 'close');
  const stopped = client.shutdown();
  await assert.rejects(client.call('echo', 1), failsWith(Code.Unavailable));
  assert.equal((await closed).detail.final, true);
  t.mock.timers.tick(10_000);
  await stopped;
  assert.equal(server.attempts, 1);
});

test('close ends the wait for a connection', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: true });
  const log = events(client);
  server.connections[0].close();
  await settled();
  const waiting = client.call('echo', 1);
  await client.close({ code: CloseCode.Normal, reason: 'enough' });
  await assert.rejects(waiting, failsWith(Code.Unavailable));
  t.mock.timers.tick(100_000);
  await settled();
  assert.equal(server.attempts, 1);
  assert.deepEqual(log.map(({ type, final }) => [type, final]), [['close', false], ['reconnecting', undefined], ['close', true]]);
});

test('a connection that opens after close is closed', async (t) => {
  timers(t);
  const server = listen();
  const client = await start(server, { reconnect: { jitter: 0 } });
  server.connections[0].close();
  await settled();
  let letThrough;
  server.gate = new Promise((resolve) => (letThrough = resolve));
  t.mock.timers.tick(100);
  await settled();
  assert.equal(server.attempts, 2, 'the attempt has begun');
  await client.close();
  letThrough();
  await settled();
  assert.equal(server.connections[1].state, 'closed');
});

test('the wait before an attempt', () => {
  assert.equal(backoffMs(DEFAULT_RECONNECT, 1, 0), 100);
  assert.equal(backoffMs(DEFAULT_RECONNECT, 4, 0), 800);
  assert.equal(backoffMs(DEFAULT_RECONNECT, 100, 0), 10_000);
  assert.equal(backoffMs(DEFAULT_RECONNECT, 1, 1), 70);
});
