// The header in front of every request and response:
//
//   | type u8 | request u32 | method u64 | m u16 | m bytes of fields |
//
// A field is tag u8 | length uvarint | bytes. The fields of a response stand
// behind a status byte.

import { ByteQueue, Cursor, EMPTY, Malformed, concat, decodeText, encodeText, uvarint, viewOf } from './bytes.js';
import { Code, RpcError } from './errors.js';
import { CHUNK_BYTES } from './limits.js';
import { Metadata } from './metadata.js';
import { xxh3 } from './xxh3.js';

export const MessageType = Object.freeze({ Call: 0, Response: 1 });
export const Status = Object.freeze({ OK: 0, Failed: 1, System: 2, NoMethod: 3 });
export const Priority = Object.freeze({ Low: 0, Normal: 1, High: 2 });

const FIXED_BYTES = 15;
const Tag = Object.freeze({ Timeout: 1, Metadata: 2, Priority: 3, Size: 4 });
const CRITICAL = 0x80;
/** Tags of fields that come at most once. */
const once = new Set([Tag.Timeout, Tag.Priority, Tag.Size]);

const ids = new Map();
/** Bounds the names whose ids are kept. */
const MAX_KEPT_IDS = 1024;

/** Returns the id under which a method travels, a BigInt. */
export function methodId(name) {
  let id = ids.get(name);
  if (id === undefined) {
    id = xxh3(encodeText(name));
    if (ids.size < MAX_KEPT_IDS) ids.set(name, id);
  }
  return id;
}

/** @param {{ type: number, request: number, method: bigint, fields?: Uint8Array }} header */
export function encodeHeader({ type, request, method, fields = EMPTY }) {
  const bytes = new Uint8Array(FIXED_BYTES + fields.length);
  const view = viewOf(bytes);
  bytes[0] = type;
  view.setUint32(1, request, true);
  view.setBigUint64(5, method, true);
  view.setUint16(13, fields.length, true);
  bytes.set(fields, FIXED_BYTES);
  return bytes;
}

/** Takes a header from the front of a stream that comes in pieces. */
export class HeaderReader {
  #queue = new ByteQueue();
  #need = FIXED_BYTES;

  /** Adds bytes. Returns the header when it is complete, and what follows it: views, valid during the call. */
  push(bytes) {
    let head = bytes;
    if (this.#queue.length > 0 || !isComplete(head)) {
      this.#queue.push(bytes);
      if (this.#queue.length < this.#need) return undefined;
      head = this.#queue.peek(this.#queue.length);
    }
    const view = viewOf(head);
    this.#need = headerBytes(head);
    if (head.length < this.#need) return undefined;
    return {
      type: head[0],
      request: view.getUint32(1, true),
      method: view.getBigUint64(5, true),
      fields: head.subarray(FIXED_BYTES, this.#need),
      headerBytes: this.#need,
      rest: head.subarray(this.#need),
    };
  }
}

/** The size of a header whose fixed part is there. */
const headerBytes = (head) => FIXED_BYTES + head[13] + head[14] * 0x100;

const isComplete = (head) => head.length >= FIXED_BYTES && head.length >= headerBytes(head);

const field = (tag, bytes) => [Uint8Array.of(tag), uvarint(bytes.length), bytes];

/**
 * Encodes the fields of a header.
 * @param {{ timeoutMs?: number, metadata?: Metadata, priority?: number, sizeBytes?: number }} fields
 *   sizeBytes is a hint for the memory of the receiver; this end does without
 */
export function encodeFields({ timeoutMs, metadata, priority = Priority.Normal, sizeBytes }) {
  const pieces = [];
  if (timeoutMs !== undefined) pieces.push(...field(Tag.Timeout, uvarint(Math.round(timeoutMs * 1000))));
  for (const [key, value] of metadata ?? []) {
    const keyBytes = encodeText(key);
    pieces.push(...field(Tag.Metadata, concat([uvarint(keyBytes.length), keyBytes, value])));
  }
  if (priority !== Priority.Normal) pieces.push(...field(Tag.Priority, Uint8Array.of(priority)));
  if (sizeBytes > CHUNK_BYTES) pieces.push(...field(Tag.Size, uvarint(sizeBytes)));
  return pieces.length === 0 ? EMPTY : concat(pieces);
}

/**
 * Decodes the fields of a header. Throws an RpcError: Unimplemented for a field
 * that must be understood, ResourceExhausted for too much metadata, and
 * InvalidArgument for bytes that do not parse.
 * @returns {{ timeoutMs?: number, metadata: Metadata, priority: number }}
 */
export function parseFields(bytes) {
  const fields = { timeoutMs: undefined, metadata: new Metadata(), priority: Priority.Normal };
  try {
    const cursor = new Cursor(bytes);
    const seen = new Set();
    while (cursor.left > 0) {
      const tag = parseField(cursor, fields);
      if (once.has(tag) && seen.has(tag)) throw new Malformed(`field ${tag} comes twice`);
      seen.add(tag);
    }
    return fields;
  } catch (cause) {
    if (cause instanceof RpcError) throw cause;
    const code = cause instanceof RangeError ? Code.ResourceExhausted : Code.InvalidArgument;
    throw new RpcError(code, `malformed header: ${cause.message}`, { cause });
  }
}

/** Reads one field and returns its tag. */
function parseField(cursor, fields) {
  const tag = cursor.u8();
  const value = new Cursor(cursor.sized());
  switch (tag) {
    case Tag.Timeout:
      fields.timeoutMs = value.uvarint() / 1000;
      value.end();
      return tag;
    case Tag.Metadata:
      fields.metadata.append(decodeText(value.sized()), value.rest().slice());
      return tag;
    case Tag.Priority:
      fields.priority = value.u8();
      value.end();
      if (fields.priority > Priority.High) throw new Malformed(`priority ${fields.priority}`);
      return tag;
    case Tag.Size: // a hint that this end does without
      value.uvarint();
      value.end();
      return tag;
    default:
      if (tag & CRITICAL) throw new RpcError(Code.Unimplemented, `field ${tag} of the header is not understood here`);
      return tag;
  }
}

/**
 * The fields of a response: its status, then the others. Throws an RpcError as
 * parseFields does, but Internal for bytes that do not parse: the caller's
 * request is not what is wrong.
 */
export function parseResponseFields(bytes) {
  if (bytes.length === 0) return { status: Status.OK, metadata: new Metadata() };
  try {
    return { status: bytes[0], metadata: parseFields(bytes.subarray(1)).metadata };
  } catch (cause) {
    const code = cause.code === Code.InvalidArgument ? Code.Internal : cause.code;
    throw new RpcError(code, `response: ${cause.message}`, { cause });
  }
}

export function encodeResponseFields(status, metadata, sizeBytes) {
  return concat([Uint8Array.of(status), encodeFields({ metadata, sizeBytes })]);
}
