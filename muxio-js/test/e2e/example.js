// The example of the README. readme.test.js runs it and compares the two.

import { Code, RpcError, connect, json } from '@simd-drive/muxio';

export async function example(url, options, log) {
  const client = await connect(url, {
    ...options,
    codec: json,
    reconnect: true,
    handlers: { 'client.double': (n) => 2 * n }, // the server may call this end
  });
  client.addEventListener('close', ({ detail }) => log(`closed: ${detail.code}`));

  log(await client.call('echo', { hello: 'world' }, { timeoutMs: 5000, metadata: { trace: 'a1' } }));
  for await (const n of client.serverStream('count', 3)) log(n);

  const { writable, response } = client.clientStream('sum', 10);
  const writer = writable.getWriter();
  await writer.write(1); // waits while the server has no room
  await writer.close();
  log(await response);

  try {
    await client.call('fail', 'nothing here');
  } catch (error) {
    if (error instanceof RpcError && error.code === Code.NotFound) log(error.message, error.reason);
  }
  await client.close();
}
