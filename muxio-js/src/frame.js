// Frames, the units of the wire. All numbers are little-endian.
//
//   | len u32 | stream u32 | seq u32 | kind u8 | len bytes of payload |

import { EMPTY, getU32, putU32 } from './bytes.js';
import { CloseCode, Violation, protocolError } from './errors.js';

export const Kind = Object.freeze({
  Open: 0,
  Data: 1,
  End: 2,
  Cancel: 3,
  Credit: 6,
  Settings: 7,
  Ping: 8,
  Pong: 9,
  GoAway: 10,
});

const known = new Set(Object.values(Kind));

export const HEADER_BYTES = 13;

/** Stands as the stream of frames that concern the connection. */
export const CONNECTION = 0xffffffff;
/** Set in the stream ids of the end that accepted the connection. */
export const RESPONDER_BIT = 0x80000000;
/** This id is no stream, nor is CONNECTION. */
export const NO_STREAM = 0x7fffffff;

/**
 * Whether a frame has a number that none of its kind has: an Open is the first of
 * its stream, Data and End are later ones, and the others are not counted.
 */
export const isMisnumbered = ({ kind, seq }) => (kind === Kind.Data || kind === Kind.End) === (seq === 0);

/** The header of a frame with a payload of length bytes. */
export function encodeHeader(length, stream, seq, kind) {
  const header = new Uint8Array(HEADER_BYTES);
  writeHeader(header, length, stream, seq, kind);
  return header;
}

function writeHeader(bytes, length, stream, seq, kind) {
  putU32(bytes, 0, length);
  putU32(bytes, 4, stream);
  putU32(bytes, 8, seq);
  bytes[12] = kind;
}

export function encodeFrame(stream, seq, kind, payload = EMPTY) {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, payload.length, stream, seq, kind);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/**
 * Takes frames out of a sequence of bytes that comes in pieces of any size. It
 * holds at most one frame.
 */
export class FrameParser {
  #maxFrameBytes;
  #head = new Uint8Array(HEADER_BYTES);
  #headBytes = 0;
  #frame = null; // header is complete, payload is not
  #payloadBytes = 0;

  constructor(maxFrameBytes) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /**
   * Calls onFrame for each frame that bytes complete, until it returns false.
   * The payload of a frame is valid during the call. Throws a Violation for a
   * header that cannot be; the parser must not be used after that.
   */
  push(bytes, onFrame) {
    let at = 0;
    for (;;) {
      if (this.#frame === null) {
        const n = Math.min(HEADER_BYTES - this.#headBytes, bytes.length - at);
        this.#head.set(bytes.subarray(at, at + n), this.#headBytes);
        this.#headBytes += n;
        at += n;
        if (this.#headBytes < HEADER_BYTES) return;
        this.#begin();
        if (bytes.length - at >= this.#frame.length) {
          this.#frame.payload = bytes.subarray(at, at + this.#frame.length);
          at += this.#frame.length;
          this.#payloadBytes = this.#frame.length;
        } else {
          this.#frame.payload = new Uint8Array(this.#frame.length);
        }
      }
      const frame = this.#frame;
      const n = Math.min(frame.length - this.#payloadBytes, bytes.length - at);
      if (n > 0) frame.payload.set(bytes.subarray(at, at + n), this.#payloadBytes);
      this.#payloadBytes += n;
      at += n;
      if (this.#payloadBytes < frame.length) return;
      this.#frame = null;
      this.#headBytes = 0;
      if (onFrame(frame) === false) return;
    }
  }

  /** Reads the header that is complete. */
  #begin() {
    const length = getU32(this.#head, 0);
    const kind = this.#head[12];
    if (!known.has(kind)) throw protocolError(`frame of unknown kind ${kind}`);
    if (length > this.#maxFrameBytes) {
      throw new Violation(CloseCode.TooBig, `frame of ${length} bytes, limit maxFrameBytes is ${this.#maxFrameBytes}`);
    }
    this.#payloadBytes = 0;
    this.#frame = { stream: getU32(this.#head, 4), seq: getU32(this.#head, 8), kind, length, payload: EMPTY };
  }
}
