// The tests against the Go peer. They run in Node and in a browser: no imports
// but this package. Each takes open(options), which returns a client.

import { Code, bothWays, bytes, clientStream, RpcError, json, serverStream, unary } from '../../src/index.js';
import { collect, equal, fails, next, ok } from './check.js';

const K = 1024;

let names = 0;
/** A name that no other test uses at the peer. */
const unique = (what) => `${what}-${globalThis.crypto?.randomUUID?.() ?? ''}-${++names}`;

/** The methods that the peer calls. */
const handlers = (log = []) => ({
  'client.double': (n) => 2 * n,
  'client.fail': (_, { metadata }) => {
    const details = [{ type: 'a', value: Uint8Array.of(1, 255) }, { type: 'b', value: new Uint8Array(0) }];
    throw new RpcError(Code.FailedPrecondition, `not for ${metadata.get('who')}`, { reason: 'closed.today', details });
  },
  'client.hang': (_, { signal }) => new Promise(() => signal.addEventListener('abort', () => log.push(signal.reason.code))),
  'client.blob': unary((n) => new Uint8Array(n), { requestCodec: json, responseCodec: bytes }),
  'client.count': serverStream(function* (n) { for (let i = 0; i < n; i++) yield i; }),
  'client.sum': clientStream(async (total, items) => { for await (const item of items) total += item; return total; }),
  'client.chat': bothWays(async function* (name, items) { yield `hello ${name}`; for await (const item of items) yield item.toUpperCase(); }),
});

export const tests = {
  async 'echo of bytes of many sizes'(open) {
    const client = await open({ codec: bytes });
    for (const length of [0, 1, 64 * K, 64 * K + 1, 256 * K, 3 * K * K]) {
      const sent = new Uint8Array(length).map((_, i) => i * 31);
      const got = await client.call('echo', sent);
      ok(got.length === sent.length && got.every((b, i) => b === sent[i]), `echo of ${length} bytes`);
    }
  },

  async 'many calls at a time'(open) {
    const client = await open();
    const numbers = Array.from({ length: 500 }, (_, i) => i);
    equal(await Promise.all(numbers.map((n) => client.call('echo', n))), numbers);
  },

  async 'a typed error with details'(open) {
    const client = await open();
    const error = await fails(client.call('fail', 'where is it?'), { code: Code.NotFound, codeName: 'not found', reason: 'thing.missing', message: 'where is it?', retriable: false });
    equal(error.details, [{ type: 'first', value: Uint8Array.of(1, 2, 3) }, { type: 'second', value: new Uint8Array(0) }]);
    await fails(client.call('crash'), { code: Code.Internal });
    await fails(client.call('no.such.method'), { code: Code.Unimplemented });
    await fails(client.call('count.nothing'), { code: Code.Unimplemented });
    await fails(client.call('fail', 5), { code: Code.InvalidArgument });
  },

  async 'messages at the limit of the peer and beyond'(open) {
    const client = await open({ codec: bytes });
    const limit = 8 * K * K;
    equal((await client.call('echo', new Uint8Array(limit))).length, limit);
    await fails(client.call('echo', new Uint8Array(limit + 1)), { code: Code.ResourceExhausted });
    equal((await client.call('echo', new Uint8Array(1))).length, 1);
  },

  async 'responses at the limit of this end and beyond'(open) {
    const client = await open({ codec: bytes, limits: { maxMessageBytes: 100 * K } });
    equal((await client.call('echo', new Uint8Array(100 * K))).length, 100 * K);
    await fails(collect(client.serverStream('flood', { name: unique('big'), items: 1, bytes: 100 * K + 1 }, { requestCodec: json })), { code: Code.ResourceExhausted });
    equal((await client.call('echo', new Uint8Array(1))).length, 1);
  },

  async 'calls answer out of order'(open) {
    const client = await open();
    const [one, two] = [unique('slow'), unique('slow')];
    const order = [];
    const slow = [one, two].map((name) => client.call('slow', name).then(() => order.push(name)));
    await client.call('release', two);
    await slow[1];
    await client.call('release', one);
    await slow[0];
    equal(order, [two, one]);
  },

  async 'metadata and timeout'(open) {
    const client = await open();
    let answer;
    const options = { metadata: [['trace', 'a-b'], ['trace', 'c'], ['bin.x', 'é']], timeoutMs: 60_000, priority: 2, onMetadata: (m) => (answer = m) };
    const met = await client.call('meet', null, options);
    equal(met.metadata, { 'bin.x': ['é'], trace: ['a-b', 'c'] });
    ok(met.remainingMs > 0 && met.remainingMs <= 60_000, 'remainingMs');
    equal([...answer.getBytes('answer')], [7, 8]);
    equal(answer.get('met-by'), 'peer');
    equal((await client.call('meet', null)).remainingMs, 0);
  },

  async 'a call that is aborted is cancelled at the peer'(open) {
    const client = await open();
    const name = unique('hang');
    const abort = new AbortController();
    const hanging = client.call('hang', name, { signal: abort.signal });
    await client.call('echo', 1); // the peer has the call now
    abort.abort();
    await fails(hanging, { code: Code.Canceled });
    equal(await client.call('hung', name), 'canceled');
  },

  async 'a timeout ends a call at both ends'(open) {
    const client = await open();
    const name = unique('hang');
    await fails(client.call('hang', name, { timeoutMs: 50 }), { code: Code.DeadlineExceeded });
    ok(['deadline exceeded', 'canceled'].includes(await client.call('hung', name)), 'why it ended');
  },

  async 'a server stream'(open) {
    const client = await open();
    equal(await collect(client.serverStream('count', 1000)), Array.from({ length: 1000 }, (_, i) => i));
    equal(await collect(client.serverStream('count', 0)), []);
    const torn = client.serverStream('torn', 2).getReader();
    equal([(await torn.read()).value, (await torn.read()).value], [0, 1]);
    await fails(torn.read(), { code: Code.DataLoss, message: 'torn after 2 items' });
    await fails(collect(client.serverStream('count', 'many')), { code: Code.InvalidArgument });
  },

  async 'a slow reader holds up the peer, not other calls'(open) {
    const client = await open({ limits: { streamWindowBytes: 256 * K } });
    const flood = { name: unique('flood'), items: 200, bytes: 32 * K };
    const reader = client.serverStream('flood', flood, { requestCodec: json, responseCodec: bytes }).getReader();
    equal((await reader.read()).value.length, 32 * K);
    equal(await client.call('echo', 'others'), 'others');
    const left = await client.call('sent', flood.name);
    ok(left < 40, `${left} of 200 items have left, for a reader that took one`);
    let items = 1;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      ok(read.value.length === 32 * K && read.value[0] === items % 256, `item ${items}`);
      items++;
    }
    equal(items, 200);
    equal(await client.call('hung', flood.name), 'complete');
  },

  async 'a reader that leaves ends the stream at the peer'(open) {
    const client = await open();
    const flood = { name: unique('flood'), items: 100_000, bytes: 32 * K };
    const readable = client.serverStream('flood', flood, { requestCodec: json, responseCodec: bytes });
    const reader = readable.getReader();
    await reader.read();
    await reader.cancel();
    equal(await client.call('hung', flood.name), 'canceled');
  },

  async 'much data through one stream'(open) {
    const client = await open();
    const flood = { name: unique('flood'), items: 400, bytes: 100 * K };
    const reader = client.serverStream('flood', flood, { requestCodec: json, responseCodec: bytes }).getReader();
    let total = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) total += read.value.length;
    equal(total, 400 * 100 * K); // more than two windows of the connection
  },

  async 'a client stream'(open) {
    const client = await open();
    const { writable, response } = client.clientStream('sum', 10);
    const writer = writable.getWriter();
    for (let i = 0; i < 1000; i++) await writer.write(i);
    await writer.close();
    equal(await response, 10 + 499_500);
    const wrong = client.clientStream('sum', 'ten');
    await fails(wrong.response, { code: Code.InvalidArgument });
  },

  async 'a writer waits for a peer that does not read'(open) {
    const client = await open();
    const name = unique('sink');
    const { writable, response } = client.clientStream('sink', name, { itemCodec: bytes });
    const writer = writable.getWriter();
    const chunk = new Uint8Array(64 * K);
    let written = 0;
    while (writer.desiredSize > 0) {
      void writer.write(chunk).then(() => written++);
      // Ready again at once while there is credit; else the call below is answered first.
      await Promise.race([writer.ready, client.call('echo', 1)]);
    }
    ok(written > 0 && written <= 64, `${written} items of 64 KiB went out to a peer that read none`);
    await client.call('release', name);
    await writer.ready;
    for (let i = written; i < 300; i++) await writer.write(chunk);
    await writer.close();
    const total = await response;
    ok(total >= 300 * 64 * K, `${total} bytes`);
  },

  async 'both ways'(open) {
    const client = await open();
    const { readable, writable } = client.bothWays('chat', 'ada');
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    equal((await reader.read()).value, 'hello ada');
    for (const word of ['one', 'two']) {
      await writer.write(word);
      equal((await reader.read()).value, word.toUpperCase());
    }
    await writer.close();
    equal((await reader.read()).value, 'goodbye ada');
    ok((await reader.read()).done, 'end');

    const leaving = client.bothWays('chat', 'bob');
    const leaver = leaving.writable.getWriter();
    leaver.closed.catch(() => {});
    await leaver.write('leave');
    await fails(collect(leaving.readable), { code: Code.Aborted, message: 'bob was told to leave' });
    await fails(leaver.closed, { code: Code.Canceled }); // the reader hears why
  },

  async 'the peer calls this end'(open) {
    const log = [];
    const client = await open({ handlers: handlers(log) });
    equal(await client.call('callback', 'double'), '9900');
    equal(await client.call('callback', 'fail'), '9 closed.today not for peer a=01ff b=');
    equal(await client.call('callback', 'none'), 'unimplemented');
    equal(await client.call('callback', 'blob'), String(3 * K * K));
    equal(await client.call('callback', 'count'), '1000 499500');
    equal(await client.call('callback', 'sum'), '499505');
    equal(await client.call('callback', 'chat'), 'hello peer;ONE;TWO');
    equal(await client.call('callback', 'hang'), 'canceled');
    await client.call('echo', 1);
    equal(log, [Code.Canceled]);
  },

  async 'pings both ways'(open) {
    const client = await open();
    ok((await client.ping()) >= 0, 'round trip');
    equal(await client.call('pinged'), true);
  },

  async 'a peer that goes away answers what is in flight'(open) {
    const client = await open();
    const name = unique('slow');
    const inFlight = client.call('slow', name);
    const [goingAway, closed] = [next(client, 'goingaway'), next(client, 'close')];
    await client.call('echo', 1);
    await client.call('away', 'restarting');
    equal(await goingAway, { code: 1001, reason: 'restarting' });
    equal(client.state, 'goingaway');
    await fails(client.call('echo', 1), { code: Code.Unavailable, retriable: true });
    const other = await open();
    await other.call('release', name);
    equal(await inFlight, name);
    const { code, final } = await closed;
    ok(code === 1000 || code === 1001, `closed with ${code}`);
    ok(final, 'final');
    equal(client.state, 'closed');
  },

  async 'a connection that the peer closes fails its calls'(open) {
    const client = await open();
    const closed = next(client, 'close');
    const pending = client.call('hang', unique('hang'));
    pending.catch(() => {});
    client.call('kick', 'out with you').catch(() => {});
    await fails(pending, { code: Code.Unavailable, retriable: true });
    const { code, reason, cause } = await closed;
    equal({ code, reason, remote: cause.remote }, { code: 1011, reason: 'out with you', remote: true });
  },

  async 'a lost connection is replaced, and calls wait for it'(open) {
    const client = await open({ reconnect: { minDelayMs: 1 } });
    const log = [];
    for (const type of ['close', 'reconnecting', 'open']) client.addEventListener(type, () => log.push(type));
    const [closed, opened] = [next(client, 'close'), next(client, 'open')];
    client.call('kick', 'once').catch(() => {});
    await closed;
    equal(client.state, 'reconnecting');
    equal(await client.call('echo', 'again'), 'again');
    await opened;
    equal(log, ['close', 'reconnecting', 'open']);
  },

  async 'a peer that goes away is replaced while it answers'(open) {
    const client = await open({ reconnect: { minDelayMs: 1 } });
    const name = unique('slow');
    const inFlight = client.call('slow', name);
    await client.call('echo', 1);
    const [goingAway, opened] = [next(client, 'goingaway'), next(client, 'open')];
    await client.call('away', 'rolling');
    await goingAway;
    equal(await client.call('release', name), name); // over the new connection
    await opened;
    equal(await inFlight, name); // over the old one
  },

  async 'closing'(open) {
    const client = await open();
    const pending = client.call('hang', unique('hang'));
    pending.catch(() => {});
    await client.call('echo', 1);
    await client.close({ reason: 'done' });
    await fails(pending, { code: Code.Unavailable });
    await fails(client.call('echo', 1), { code: Code.Unavailable });
    equal(client.state, 'closed');
  },

  async 'a graceful end of this client'(open) {
    const client = await open();
    const name = unique('slow');
    const inFlight = client.call('slow', name);
    await client.call('echo', 1);
    const down = client.shutdown();
    await fails(client.call('echo', 1), { code: Code.Unavailable });
    await (await open()).call('release', name);
    equal(await inFlight, name);
    await down;
    equal(client.state, 'closed');
  },

  async 'an address that is no server'(open) {
    await fails(open({}, '/nothing'), { name: 'RpcError', code: Code.Unavailable });
  },
};

/** Runs one test with clients that speak JSON unless told otherwise, and closes them. */
export async function run(test, connect, url, options) {
  const clients = [];
  const open = async (more, path = '/ws') => {
    const client = await connect(url.replace(/^http/, 'ws') + path, { codec: json, ...options, ...more });
    clients.push(client);
    return client;
  };
  try {
    await test(open);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}
