// Assertions for tests that run in Node and in a browser.

export class Failed extends Error {}

const show = (value) => JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v instanceof Uint8Array ? [...v] : v));

export function ok(value, what = 'value') {
  if (!value) throw new Failed(`${what} is ${show(value)}`);
}

/** Compares by JSON. */
export function equal(got, want, what = 'value') {
  if (show(got) !== show(want)) throw new Failed(`${what} is ${show(got)}, want ${show(want)}`);
}

/** Waits for a promise to be rejected and compares properties of the error. */
export async function fails(promise, want) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    for (const [name, expected] of Object.entries(want)) equal(error[name], expected, `${name} of the error "${error.message}"`);
    return error;
  }
  throw new Failed(`no error, but ${show(value)}`);
}

export async function collect(readable) {
  const items = [];
  const reader = readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return items;
    items.push(value);
  }
}

/** Resolves to the detail of the next event of a type. */
export const next = (target, type) => new Promise((resolve) => target.addEventListener(type, ({ detail }) => resolve(detail), { once: true }));
