// Metadata: what travels beside a request or a response, under keys.

import { decodeText, encodeText, uvarint } from './bytes.js';

export const MAX_KEY_BYTES = 128;
/** Bounds the keys and values of one header together. */
export const MAX_METADATA_BYTES = 16 << 10;
/** Bounds them as they stand in the header, whose size is told in 16 bits, beside other fields. */
export const MAX_ENCODED_BYTES = 65_000;

const keyForm = /^[a-z0-9._-]+$/;

/** Whether a key may travel. */
export const isKey = (key) => typeof key === 'string' && key.length <= MAX_KEY_BYTES && keyForm.test(key);

/** Values under keys, in order. A key may have several values; a value is bytes, and a text as UTF-8. */
export class Metadata {
  #entries = [];
  #bytes = 0;
  #encodedBytes = 0;

  /** @param {Metadata | Iterable<[string, string | Uint8Array]> | Record<string, string | Uint8Array>} [from] */
  constructor(from = []) {
    const pairs = typeof from[Symbol.iterator] === 'function' ? from : Object.entries(from);
    for (const [key, value] of pairs) this.append(key, value);
  }

  /** Adds a value. Throws a TypeError for a key that may not travel, a RangeError for too much of all. */
  append(key, value) {
    if (!isKey(key)) throw new TypeError(`metadata key ${JSON.stringify(key)}: 1 to ${MAX_KEY_BYTES} of a-z 0-9 - _ . are allowed`);
    const bytes = typeof value === 'string' ? encodeText(value) : value;
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`metadata ${key}: a value is a text or a Uint8Array`);
    const size = key.length + bytes.length;
    const encodedSize = 1 + uvarint(size).length + uvarint(key.length).length + size;
    if (this.#bytes + size > MAX_METADATA_BYTES || this.#encodedBytes + encodedSize > MAX_ENCODED_BYTES) {
      throw new RangeError(`metadata of more than ${MAX_METADATA_BYTES} bytes`);
    }
    this.#bytes += size;
    this.#encodedBytes += encodedSize;
    this.#entries.push([key, bytes]);
    return this;
  }

  get size() {
    return this.#entries.length;
  }

  /** The first value of a key as bytes, undefined if there is none. */
  getBytes(key) {
    return this.#entries.find(([k]) => k === key)?.[1];
  }

  /** The first value of a key as text, undefined if there is none. */
  get(key) {
    const bytes = this.getBytes(key);
    return bytes && decodeText(bytes);
  }

  /** All values of a key, as texts. */
  getAll(key) {
    return this.#entries.filter(([k]) => k === key).map(([, bytes]) => decodeText(bytes));
  }

  /** The pairs of key and bytes in order. */
  [Symbol.iterator]() {
    return this.#entries[Symbol.iterator]();
  }
}
