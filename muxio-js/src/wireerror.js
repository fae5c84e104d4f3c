// The encoding of an error in a response:
//
//   code u8 | reason | message | count uvarint | count x (type, value)
//
// where each text and value is a length and its bytes.

import { Cursor, Malformed, concat, cutText, decodeText, encodeText, uvarint } from './bytes.js';
import { Code, RpcError } from './errors.js';

export const MAX_REASON_BYTES = 128;
export const MAX_MESSAGE_TEXT_BYTES = 4096;
export const MAX_DETAILS = 16;
/** Bounds the types and values of all details of an error together. */
export const MAX_DETAILS_BYTES = 16 << 10;

const MAX_LENGTH_BYTES = 3; // of a length up to MAX_DETAILS_BYTES

/** Bounds an encoded error. */
export const MAX_ERROR_BYTES =
  1 + 2 * MAX_LENGTH_BYTES + MAX_REASON_BYTES + MAX_MESSAGE_TEXT_BYTES + 1 + MAX_DETAILS * 2 * MAX_LENGTH_BYTES + MAX_DETAILS_BYTES;

/**
 * Encodes an error. Texts over their limits are cut, and details beyond theirs
 * left out: an error must arrive.
 * @param {RpcError} error
 */
export function encodeError(error) {
  const reason = cutText(error.reason, MAX_REASON_BYTES);
  const message = cutText(error.message, MAX_MESSAGE_TEXT_BYTES);
  const pieces = [Uint8Array.of(error.code), uvarint(reason.length), reason, uvarint(message.length), message];
  const details = [];
  let bytes = 0;
  for (const { type, value } of error.details.slice(0, MAX_DETAILS)) {
    const typeBytes = encodeText(type);
    bytes += typeBytes.length + value.length;
    if (bytes > MAX_DETAILS_BYTES) break;
    details.push(uvarint(typeBytes.length), typeBytes, uvarint(value.length), value);
  }
  if (details.length > 0) pieces.push(uvarint(details.length / 4), ...details);
  return concat(pieces);
}

/**
 * Decodes an error. Codes that are not known keep their number.
 * @param {Uint8Array} bytes
 * @returns {RpcError} throws Malformed
 */
export function parseError(bytes) {
  const cursor = new Cursor(bytes);
  const code = cursor.u8();
  const reason = decodeText(cursor.sized(MAX_REASON_BYTES));
  const message = decodeText(cursor.sized(MAX_MESSAGE_TEXT_BYTES));
  const details = [];
  if (cursor.left > 0) parseDetails(cursor, details);
  cursor.end();
  return new RpcError(code, message, { reason, details });
}

function parseDetails(cursor, details) {
  const count = cursor.uvarint();
  let room = MAX_DETAILS_BYTES;
  if (count < 1 || count > MAX_DETAILS) throw new Malformed(`${count} details, 1 to ${MAX_DETAILS} are allowed`);
  for (let i = 0; i < count; i++) {
    const type = cursor.sized(room);
    const value = cursor.sized(room - type.length);
    room -= type.length + value.length;
    details.push({ type: decodeText(type), value: value.slice() });
  }
}

/** The error that a response with the given status stands for, undefined for success. */
export function failure(status, payload) {
  switch (status) {
    case 0:
      return undefined;
    case 1:
      try {
        return parseError(payload);
      } catch (cause) {
        return new RpcError(Code.Internal, 'undecodable error from the peer', { cause });
      }
    case 2:
      return new RpcError(Code.Internal, decodeText(cutText(decodeText(payload), MAX_MESSAGE_TEXT_BYTES)));
    case 3:
      return new RpcError(Code.Unimplemented, 'the peer does not answer this method');
    default:
      return new RpcError(Code.Internal, `response with unknown status ${status}`);
  }
}
