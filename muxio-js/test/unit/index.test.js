import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';

import * as door from '../../src/index.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFile(new URL(path, root), 'utf8');

test('index.d.ts declares what index.js exports, and nothing else', async () => {
  const declared = [...(await read('index.d.ts')).matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(door).sort());
});

test('index.d.ts names every limit and its default', async () => {
  const types = await read('index.d.ts');
  const declared = [...types.slice(types.indexOf('interface Limits'), types.indexOf('DEFAULT_LIMITS')).matchAll(/Default: ([\d,]+)( [KM]iB)?\. \*\/\n  (\w+): number/g)];
  const units = { ' KiB': 1 << 10, ' MiB': 1 << 20 };
  assert.deepEqual(Object.fromEntries(declared.map(([, n, unit, name]) => [name, Number(n.replace(',', '')) * (units[unit] ?? 1)])), { ...door.DEFAULT_LIMITS });
});

test('the package depends on nothing and imports nothing but its own files', async () => {
  const manifest = JSON.parse(await read('package.json'));
  for (const key of ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']) assert.equal(manifest[key], undefined);
  for (const file of await readdir(new URL('src/', root))) {
    for (const [, from] of (await read(`src/${file}`)).matchAll(/from '([^']+)'/g)) assert.match(from, /^\.\/[a-z0-9]+\.js$/, file);
  }
});

test('nothing here knows what it is used for', async () => {
  const words = /\b(drives?|storage|data ?stores?|payload stores?|key ?value|tombstones?|compactions?|databases?)\b/i;
  for (const file of await readdir(root, { recursive: true })) {
    if (!/\.(js|ts|mts|go|mod|md|json|html|sh)$/.test(file) || file.includes('testdata') || file.endsWith('index.test.js')) continue;
    const text = (await read(file)).replaceAll(/@simd-drive\/muxio|(github\.com\/)?simd-drive\/go/g, '').replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2');
    assert.doesNotMatch(text.replaceAll(/[_/-]/g, ' '), words, file);
  }
});
