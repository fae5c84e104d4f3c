// Runs the suite in the page and posts what came of it to the server.

import { connect } from '../../src/index.js';
import { run, tests } from './suite.js';

/** How long a test may take, in milliseconds. */
const TIMEOUT_MS = 60_000;

async function runOne(name, test) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`not done within ${TIMEOUT_MS} ms`)), TIMEOUT_MS)));
  try {
    await Promise.race([run(test, connect, location.origin), late]);
    return { name };
  } catch (error) {
    return { name, error: `${error?.name}: ${error?.message}\n${error?.stack}` };
  } finally {
    clearTimeout(timer);
  }
}

const unhandled = [];
addEventListener('unhandledrejection', ({ reason }) => unhandled.push(String(reason?.stack ?? reason)));
addEventListener('error', ({ message }) => unhandled.push(message));

const results = [];
for (const [name, test] of Object.entries(tests)) {
  const result = await runOne(name, test);
  results.push(result);
  document.getElementById('results').textContent += `${result.error ? 'FAILED' : 'ok'} ${name} ${result.error ?? ''}\n`;
}
await fetch('/report', { method: 'POST', body: JSON.stringify({ userAgent: navigator.userAgent, results, unhandled }) });
