// Calls one after the other, whose bytes are recorded from a Go peer by record.js
// and played back by unit/recorded.test.js.

import { bytes, json } from '../src/index.js';
import { collect } from './e2e/check.js';

/** What came of a promise, as JSON. */
async function outcome(promise) {
  try {
    return { value: await promise };
  } catch ({ code, reason, message, details }) {
    return { code, reason, message, details: details.map(({ type, value }) => [type, ...value]) };
  }
}

/** The codec of all steps is JSON. */
export const steps = {
  echo: (client) => outcome(client.call('echo', 'hello')),
  'echo without content': (client) => outcome(client.call('echo', new Uint8Array(0), { codec: bytes }).then(({ length }) => length)),
  fail: (client) => outcome(client.call('fail', 'where?')),
  'no such method': (client) => outcome(client.call('missing')),
  metadata: async (client) => {
    let metadata;
    const met = await outcome(client.call('meet', null, { metadata: [['trace', 'a'], ['trace', 'b']], priority: 2, onMetadata: (m) => (metadata = m) }));
    return { met, answer: [...(metadata ?? [])].map(([key, value]) => [key, ...value]) };
  },
  'server stream': (client) => outcome(collect(client.serverStream('count', 3))),
  'server stream without items': (client) => outcome(collect(client.serverStream('count', 0))),
  'server stream that is torn': (client) => outcome(collect(client.serverStream('torn', 2))),
  'server stream that is refused': (client) => outcome(collect(client.serverStream('count', 'many'))),
  'client stream': async (client) => {
    const { writable, response } = client.clientStream('sum', 1);
    const writer = writable.getWriter();
    for (const n of [20, 300]) await writer.write(n);
    await writer.close();
    return outcome(response);
  },
};
