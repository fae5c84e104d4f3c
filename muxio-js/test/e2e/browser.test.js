// The suite in headless Chromium. The page posts its results to the peer, which
// prints them.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startPeer } from './peer.js';
import { tests } from './suite.js';

/** How long the page may take for all of it, in milliseconds. */
const PAGE_TIMEOUT_MS = 300_000;

const candidates = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean);
const chromium = candidates.find((name) => spawnSync(name, ['--version']).status === 0);
// test/run.sh sets this when it has installed a browser, so that a missing one is not passed over.
const needed = process.env.MUXIO_JS_NEED_BROWSER === '1';
const skip = !chromium && !needed && 'CHROMIUM IS NOT INSTALLED: THE BROWSER IS NOT TESTED (test/run.sh installs it)';

describe('in a browser', { skip }, () => {
  let peer;
  let report;

  before(async () => {
    assert.ok(chromium, `no browser among ${candidates.join(', ')}`);
    peer = await startPeer();
    report = await runPage(peer);
  });
  after(() => peer?.stop());

  for (const name of skip ? [] : Object.keys(tests)) {
    test(name, () => {
      const result = report.results.find((r) => r.name === name);
      assert.ok(result, 'the page did not run it');
      assert.equal(result.error, undefined);
    });
  }

  test('nothing was left to itself', { skip }, () => assert.deepEqual(report.unhandled, []));
});

/** Opens the page and resolves to what it reports. */
async function runPage({ url, nextLine }) {
  const profile = await mkdtemp(join(tmpdir(), 'muxio-js-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const browser = spawn(chromium, [...flags, `${url}/files/test/e2e/browser.html`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  browser.stderr.on('data', (text) => (stderr += text));
  const exited = new Promise((resolve) => browser.on('exit', resolve));
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no report of the page\n${stderr}`)), PAGE_TIMEOUT_MS)));
  const died = exited.then((code) => Promise.reject(new Error(`the browser ended with code ${code}\n${stderr}`)));
  try {
    return JSON.parse(await Promise.race([nextLine(), late, died]));
  } finally {
    clearTimeout(timer);
    browser.kill();
    await exited;
    died.catch(() => {});
    await rm(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}
