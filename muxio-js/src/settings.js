// Settings: what each end tells the other in its first frame, as a sequence of
// pairs id u16 | value u64.

import { viewOf } from './bytes.js';
import { protocolError } from './errors.js';
import { CHUNK_BYTES, INITIAL_CONNECTION_CREDIT, INITIAL_STREAM_CREDIT, MAX_CREDIT, MIN_STREAMS } from './limits.js';

export const PROTOCOL_VERSION = 1;

const PAIR_BYTES = 10;
const CRITICAL = 0x8000;
/** Bounds the settings of one frame. */
const MAX_PAIRS = 64;

// The least that a setting may be is what its peer relies on before it arrives.
const fields = new Map([
  [1, { name: 'version', least: PROTOCOL_VERSION, most: PROTOCOL_VERSION }],
  [2, { name: 'streamWindowBytes', least: INITIAL_STREAM_CREDIT, most: MAX_CREDIT }],
  [3, { name: 'connectionWindowBytes', least: INITIAL_CONNECTION_CREDIT, most: MAX_CREDIT }],
  [4, { name: 'maxFrameBytes', least: CHUNK_BYTES, most: MAX_CREDIT }],
  [5, { name: 'maxStreams', least: MIN_STREAMS, most: MAX_CREDIT }],
]);

/** What holds until the Settings of the peer have arrived. */
export const DEFAULT_SETTINGS = Object.freeze(Object.fromEntries([...fields.values()].map(({ name, least }) => [name, least])));

/** Encodes the settings of this end, from its limits. */
export function encodeSettings(limits) {
  const bytes = new Uint8Array(fields.size * PAIR_BYTES);
  const view = viewOf(bytes);
  let at = 0;
  for (const [id, { name }] of fields) {
    view.setUint16(at, id, true);
    view.setBigUint64(at + 2, BigInt(name === 'version' ? PROTOCOL_VERSION : limits[name]), true);
    at += PAIR_BYTES;
  }
  return bytes;
}

/** Decodes the settings of the peer; values over what can be used are cut. Throws a Violation. */
export function parseSettings(bytes) {
  if (bytes.length % PAIR_BYTES !== 0 || bytes.length > MAX_PAIRS * PAIR_BYTES) throw protocolError(`settings of ${bytes.length} bytes`);
  const settings = { ...DEFAULT_SETTINGS };
  const seen = new Set();
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += PAIR_BYTES) {
    const id = view.getUint16(at, true);
    const value = view.getBigUint64(at + 2, true);
    if (seen.has(id)) throw protocolError(`setting ${id} comes twice`);
    seen.add(id);
    const field = fields.get(id);
    if (!field) {
      if (id & CRITICAL) throw protocolError(`unknown setting ${id} must be understood`);
      continue;
    }
    if (value < BigInt(field.least)) throw protocolError(`setting ${id} is ${value}, at least ${field.least} are promised`);
    settings[field.name] = value > BigInt(field.most) ? field.most : Number(value);
  }
  return settings;
}
