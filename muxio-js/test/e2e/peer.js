// Builds and starts the Go peer.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const source = fileURLToPath(new URL('../peer', import.meta.url));
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Resolves to the running peer: the URL of its web server, the address of its
 * streams of bytes, a promise of the next line that it prints, and stop().
 */
export async function startPeer() {
  const folder = await mkdtemp(join(tmpdir(), 'muxio-js-'));
  const binary = join(folder, 'peer');
  const env = { ...process.env, GOWORK: 'off' };
  await promisify(execFile)(process.env.GO ?? 'go', ['build', '-buildvcs=false', '-o', binary, '.'], { cwd: source, env });
  const child = spawn(binary, [packageFolder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error('the peer has ended');
    return value;
  };
  return {
    url: await nextLine(),
    address: await nextLine(),
    nextLine,
    async stop() {
      child.stdin.end();
      const code = await exited;
      await rm(folder, { recursive: true });
      if (code !== 0) throw new Error(`the peer ended with code ${code}`);
    },
  };
}
