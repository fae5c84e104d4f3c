// The one door: everything that a user of this module needs.

export { connect } from './client.js';
export { Connection } from './connection.js';
export { byteStreamTransport } from './bytestream.js';
export { SUBPROTOCOL } from './websocket.js';
export { bothWays, clientStream, serverStream, unary } from './route.js';
export { bytes, json, text } from './codec.js';
export { CloseCode, CloseError, Code, RpcError, codeName } from './errors.js';
export { Metadata } from './metadata.js';
export { Priority, methodId } from './header.js';
export { DEFAULT_LIMITS } from './limits.js';
