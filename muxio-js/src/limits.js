// Every bound of a connection, in one place. All of them are options.

/** The largest payload of a frame that a sender makes. */
export const CHUNK_BYTES = 64 << 10;
/** Credit of a new stream and of the connection before Settings have arrived. */
export const INITIAL_STREAM_CREDIT = 256 << 10;
export const INITIAL_CONNECTION_CREDIT = 16 << 20;
/** What no credit may grow beyond. */
export const MAX_CREDIT = 2 ** 31 - 1;
/** How many unfinished streams every end accepts. */
export const MIN_STREAMS = 100;

/** The defaults. What each bounds stands in index.d.ts. */
export const DEFAULT_LIMITS = Object.freeze({
  maxFrameBytes: 1 << 20,
  streamWindowBytes: 1 << 20,
  connectionWindowBytes: INITIAL_CONNECTION_CREDIT,
  maxStreams: 8192,
  maxAheadFrames: 64,
  maxAheadBytes: 1 << 20,
  maxQueuedBytes: 256 << 10,
  maxControlBytes: 1 << 20,
  maxPingsPerSecond: 200,
  maxMessageBytes: 64 << 20,
  maxBufferedBytes: 256 << 20,
  maxCalls: 256,
  maxOwnCalls: 4096,
});

/** The least that works, where that is more than 1. */
const least = {
  maxFrameBytes: CHUNK_BYTES,
  streamWindowBytes: INITIAL_STREAM_CREDIT,
  connectionWindowBytes: INITIAL_CONNECTION_CREDIT,
  maxStreams: MIN_STREAMS,
  maxControlBytes: 1 << 10,
};

/** Returns limits with defaults for what is missing; throws a RangeError for what cannot work. */
export function withDefaults(limits = {}) {
  const result = { ...DEFAULT_LIMITS };
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined) continue;
    if (!(name in DEFAULT_LIMITS)) throw new RangeError(`there is no limit ${name}`);
    const from = least[name] ?? 1;
    if (!Number.isInteger(value) || value < from || value > MAX_CREDIT) {
      throw new RangeError(`limit ${name} is ${value}, must be an integer from ${from} to ${MAX_CREDIT}`);
    }
    result[name] = value;
  }
  return result;
}
