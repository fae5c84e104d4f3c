import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { WebSocket } from '../websocket.js';
import { example } from './example.js';
import { startPeer } from './peer.js';

const read = (path) => readFile(new URL(path, import.meta.url), 'utf8');
const linesOf = (code) => code.split('\n').map((line) => line.trim()).filter(Boolean);

let peer;
before(async () => {
  peer = await startPeer();
});
after(() => peer.stop());

test('the example of the README is the one that is run', async () => {
  const readme = await read('../../README.md');
  const blocks = [...readme.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  assert.equal(blocks.length, 1);
  const lines = linesOf(await read('example.js'));
  let at = 0;
  for (const line of linesOf(blocks[0])) {
    at = lines.indexOf(line, at) + 1;
    assert.ok(at > 0, `the example has no line: ${line}`);
  }
  assert.ok(readme.split('\n').length <= 61, 'the README has at most 60 lines');
});

test('the example of the README', async () => {
  const log = [];
  await example(`${peer.url.replace(/^http/, 'ws')}/ws`, { WebSocket }, (...words) => log.push(words));
  assert.deepEqual(log, [[{ hello: 'world' }], [0], [1], [2], [11], ['nothing here', 'thing.missing'], ['closed: 1000']]);
});
