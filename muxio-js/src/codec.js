// Codecs turn values into the bytes of a message and back.

import { decodeText, encodeText } from './bytes.js';

/** Bytes as they are. */
export const bytes = Object.freeze({
  encode(value) {
    if (value === undefined) return new Uint8Array(0);
    if (value instanceof Uint8Array) return value;
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError('the codec of this message takes bytes');
  },
  decode: (message) => message,
});

/** Text as UTF-8. */
export const text = Object.freeze({ encode: (value) => encodeText(String(value)), decode: decodeText });

/** JSON as UTF-8. undefined travels as null; no bytes come out as undefined. */
export const json = Object.freeze({
  encode: (value) => encodeText(JSON.stringify(value) ?? 'null'),
  decode: (message) => (message.length === 0 ? undefined : JSON.parse(decodeText(message))),
});

/** Returns the codecs of one method: codec for all kinds of its messages, unless one is given for a kind. */
export function codecsOf({ codec, requestCodec, itemCodec, responseCodec }, fallback = bytes) {
  const all = codec ?? fallback;
  return { request: requestCodec ?? all, item: itemCodec ?? all, response: responseCodec ?? all };
}
