// Uses of the declarations in index.d.ts, for the compiler only: test/run.sh has
// it look at them where there is one.

import {
  bothWays,
  bytes,
  byteStreamTransport,
  CloseCode,
  Code,
  codeName,
  connect,
  Connection,
  json,
  Metadata,
  RpcError,
  serverStream,
  unary,
} from '@simd-drive/muxio';

const client = await connect('ws://localhost', {
  codec: json,
  reconnect: { newCalls: 'fail' },
  limits: { maxCalls: 5 },
  handlers: {
    plain(n: number, context) {
      context.responseMetadata.append('key', 'value');
      return n + (context.remainingMs ?? 0);
    },
    items: serverStream(function* (n: number) {
      for (let i = 0; i < n; i++) yield i;
    }),
    talk: bothWays(async function* (name: string, items: ReadableStream<string>) {
      const { value } = await items.getReader().read();
      yield `${name} ${value}`;
    }),
    blob: unary(() => new Uint8Array(1), { responseCodec: bytes }),
  },
});

const sum: number = await client.call<number>('sum', [1, 2], {
  timeoutMs: 5,
  metadata: { trace: 'abc' },
  priority: 2,
  onMetadata: (metadata: Metadata) => void metadata.get('x'),
});
const items: ReadableStream<number> = client.serverStream<number>('count');
const { writable, response } = client.clientStream<number, string>('join');
const upper: ReadableStream<string> = items.pipeThrough(client.bothWays<number, string>('talk'));
client.addEventListener('close', ({ detail }) => {
  const final: boolean = detail.final;
  void [final, detail.cause.remote];
});

const streams = { readable: new ReadableStream<Uint8Array>(), writable: new WritableStream<Uint8Array>() };
const connection = new Connection(byteStreamTransport(streams), { initiator: false });
connection.addEventListener('goingaway', ({ detail }) => void detail.reason);

try {
  await response;
} catch (error) {
  if (error instanceof RpcError && error.code === Code.NotFound) void [codeName(error.code), error.retriable];
}

// @ts-expect-error there is no such limit
await connect('ws://localhost', { limits: { wrong: 1 } });
// @ts-expect-error there is no such priority
void client.call('x', 1, { priority: 5 });
// @ts-expect-error there is no such event
client.addEventListener('closed', () => {});

void [sum, upper, writable, CloseCode.Normal];
