// The errors of calls and of connections.

/** The codes of failed calls. The numbers stand on the wire. */
export const Code = Object.freeze({
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
});

const names = new Map(
  Object.entries(Code).map(([name, code]) => [code, name.replace(/[A-Z]/g, (c, at) => (at > 0 ? ' ' : '') + c.toLowerCase())]),
);

/** Returns the name of a code in lower-case words, such as "not found". */
export function codeName(code) {
  return names.get(code) ?? `code ${code}`;
}

/** The failure of a call, as the answering end reported it or as this end found it. */
export class RpcError extends Error {
  name = 'RpcError';

  /**
   * @param {number} code one of Code
   * @param {string} message for a person
   * @param {{ reason?: string, details?: { type: string, value: Uint8Array }[], cause?: unknown }} [more]
   */
  constructor(code, message = '', { reason = '', details = [], cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  get codeName() {
    return codeName(this.code);
  }

  /**
   * Whether the same call may succeed on another connection. The peer may have
   * carried it out all the same, so retry only what may happen twice.
   */
  get retriable() {
    return this.code === Code.Unavailable;
  }
}

/** Codes with which a connection ends: those of RFC 6455, section 7.4.1. */
export const CloseCode = Object.freeze({
  Normal: 1000,
  GoingAway: 1001,
  ProtocolError: 1002,
  UnsupportedData: 1003,
  Lost: 1006, // never sent: the connection ended without a word
  Policy: 1008,
  TooBig: 1009,
  Internal: 1011,
});

/** The longest text that goes with a close code, in bytes of UTF-8. */
export const MAX_CLOSE_TEXT_BYTES = 123;

/** Why a connection ended. */
export class CloseError extends Error {
  name = 'CloseError';

  /**
   * @param {number} code
   * @param {string} reason the text that came, or went, with the code
   * @param {boolean} remote whether the peer ended the connection, or the network
   */
  constructor(code, reason, remote) {
    const side = code === CloseCode.Lost ? 'lost' : remote ? 'closed by the peer' : 'closed';
    super(`connection ${side} with code ${code}${reason ? `: ${reason}` : ''}`);
    this.code = code;
    this.reason = reason;
    this.remote = remote;
  }
}

/** What the peer did against the protocol or a limit, and the code to close with. */
export class Violation extends Error {
  name = 'Violation';

  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export const protocolError = (message) => new Violation(CloseCode.ProtocolError, message);

/** The error of calls that a connection takes with it. */
export function unavailable(cause) {
  return new RpcError(Code.Unavailable, cause.message, { cause });
}
