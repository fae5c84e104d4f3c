// Records what a Go peer answers to the calls of steps.js:
//
//   node test/record.js
//
// writes testdata/recorded.json.

import { writeFile } from 'node:fs/promises';

import { Connection, json } from '../src/index.js';
import { openWebSocket } from '../src/websocket.js';
import { startPeer } from './e2e/peer.js';
import { steps } from './steps.js';
import { WebSocket } from './websocket.js';

const peer = await startPeer();
const transport = await openWebSocket(`${peer.url.replace(/^http/, 'ws')}/ws`, { WebSocket, timeoutMs: 10_000 });
let log = { client: [], server: [] };
const connection = new Connection(
  {
    start: ({ message, closed }) => transport.start({ message: (bytes) => (log.server.push(bytes), message(bytes)), closed }),
    send: (message) => (log.client.push(message), transport.send(message)),
    close: (...args) => transport.close(...args),
  },
  { codec: json, keepAlive: false },
);
await connection.ping(); // the Settings of both ends have arrived

const hex = (messages) => Buffer.concat(messages).toString('hex');
const recorded = {};
const take = (name, outcome) => {
  recorded[name] = { client: hex(log.client), server: hex(log.server), outcome };
  log = { client: [], server: [] };
};
take('opening');
for (const [name, step] of Object.entries(steps)) take(name, await step(connection));
await writeFile(new URL('testdata/recorded.json', import.meta.url), `${JSON.stringify(recorded, null, 2)}\n`);
await connection.close();
await peer.stop();
