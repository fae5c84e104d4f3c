// Numbers and texts in bytes, as the protocol writes them.

export const EMPTY = new Uint8Array(0);

/** The longest encoding of a number as a uvarint, in bytes. */
export const MAX_UVARINT_BYTES = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @param {string} text */
export const encodeText = (text) => encoder.encode(text);

/** Bytes that are not UTF-8 become U+FFFD. */
export const decodeText = (bytes) => decoder.decode(bytes);

/** @param {Uint8Array} bytes */
export const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Writes a number of 32 bits, little-endian. */
export function putU32(bytes, at, value) {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Reads a number of 32 bits, little-endian. */
export const getU32 = (bytes, at) => (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;

/** Returns the pieces, one behind the other, as one array. */
export function concat(pieces) {
  if (pieces.length === 1) return pieces[0];
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Encodes an integer from 0 to Number.MAX_SAFE_INTEGER. */
export function uvarint(value) {
  const bytes = [];
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80);
    value = Math.floor(value / 0x80);
  }
  bytes.push(value);
  return Uint8Array.from(bytes);
}

/**
 * Reads a uvarint from bytes at offset at. Returns undefined while it is not
 * complete, and null when it is none. Values that a Number cannot hold exactly
 * come out as the nearest one: they are over every limit.
 * @returns {{ value: number, next: number } | undefined | null}
 */
export function readUvarint(bytes, at) {
  let value = 0;
  let factor = 1;
  for (let i = 0; i < MAX_UVARINT_BYTES; i++) {
    if (at + i >= bytes.length) return undefined;
    const b = bytes[at + i];
    if (i === MAX_UVARINT_BYTES - 1 && b > 1) return null; // more than 64 bits
    value += (b & 0x7f) * factor;
    if (b === 0 && i > 0) return null; // there is a shorter form
    if (b < 0x80) return { value, next: at + i + 1 };
    factor *= 0x80;
  }
  return null;
}

/** Cuts a text to at most limit bytes of UTF-8, between two characters. */
export function cutText(text, limit) {
  const bytes = encodeText(text);
  if (bytes.length <= limit) return bytes;
  let end = limit;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** The largest buffer that small pieces are gathered in, in bytes. */
const MAX_GATHER_BYTES = 64 << 10;

/**
 * A queue of bytes. It copies what it is given, and gathers small pieces, so
 * that it takes no more memory than about twice the bytes that it holds.
 */
export class ByteQueue {
  #chunks = []; // { bytes, used }
  #offset = 0; // taken from the first chunk
  length = 0;

  push(bytes) {
    const last = this.#chunks.at(-1);
    if (last && last.bytes.length - last.used >= bytes.length) {
      last.bytes.set(bytes, last.used);
      last.used += bytes.length;
    } else {
      const chunk = new Uint8Array(Math.max(bytes.length, Math.min(this.length, MAX_GATHER_BYTES)));
      chunk.set(bytes);
      this.#chunks.push({ bytes: chunk, used: bytes.length });
    }
    this.length += bytes.length;
  }

  /** Up to n bytes from the front, which stay. */
  peek(n) {
    const first = this.#chunks[0];
    if (!first) return EMPTY;
    const there = first.bytes.subarray(this.#offset, Math.min(first.used, this.#offset + n));
    if (there.length === Math.min(n, this.length)) return there;
    const pieces = [];
    let length = 0;
    for (const { bytes, used } of this.#chunks) {
      const piece = bytes.subarray(pieces.length === 0 ? this.#offset : 0, used).subarray(0, n - length);
      pieces.push(piece);
      length += piece.length;
      if (length === n) break;
    }
    return concat(pieces);
  }

  /** Takes the next bytes that lie together, at most n. */
  shift(n) {
    const first = this.#chunks[0];
    const piece = first.bytes.subarray(this.#offset, Math.min(first.used, this.#offset + n));
    this.#offset += piece.length;
    this.length -= piece.length;
    if (this.#offset === first.used) {
      this.#offset = 0;
      this.#chunks.shift();
    }
    return piece;
  }

  /** Takes all bytes, as one array. */
  takeAll() {
    const all = this.peek(this.length);
    this.clear();
    return all;
  }

  clear() {
    this.#chunks = [];
    this.#offset = 0;
    this.length = 0;
  }
}

/** Takes values from the front of bytes. Every method throws a Malformed when they are not there. */
export class Cursor {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  u8() {
    return this.take(1)[0];
  }

  uvarint() {
    const read = readUvarint(this.#bytes, this.#at);
    if (!read) throw new Malformed('a number is cut short or too long');
    this.#at = read.next;
    return read.value;
  }

  /** The next n bytes, a view. */
  take(n) {
    if (n > this.left) throw new Malformed(`${n} bytes are announced, ${this.left} are there`);
    const from = this.#at;
    this.#at += n;
    return this.#bytes.subarray(from, this.#at);
  }

  /** A length and as many bytes, at most limit. */
  sized(limit = Infinity) {
    const n = this.uvarint();
    if (n > limit) throw new Malformed(`${n} bytes, at most ${limit} are allowed`);
    return this.take(n);
  }

  rest() {
    return this.take(this.left);
  }

  end() {
    if (this.left > 0) throw new Malformed(`${this.left} bytes too many`);
  }
}

/** Reports bytes that do not parse. */
export class Malformed extends Error {
  name = 'Malformed';
}
