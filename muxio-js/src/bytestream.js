// The transport over a plain stream of bytes, such as a socket or WebTransport.

/** How long the peer may take to end its side after this end has ended, in milliseconds. */
const LINGER_MS = 1000;

/**
 * Returns a transport over a pair of streams of Uint8Array. Close codes travel
 * in the last frame.
 * @param {{ readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array> }} streams
 */
export function byteStreamTransport({ readable, writable }) {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  writer.closed.catch(() => {}); // the reading side tells
  let closing = false;

  const read = async (receiver) => {
    let reason = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        receiver.message(value);
      }
    } catch (error) {
      reason = error?.message ?? String(error);
    }
    receiver.closed({ code: undefined, reason });
    close();
  };

  const close = (code, reason, goodbye) => {
    if (closing) return;
    closing = true;
    if (goodbye) writer.write(goodbye).catch(() => {}); // the peer may be gone
    writer.close().catch(() => {});
    // To cancel at once could cost the peer what was written last.
    const timer = setTimeout(() => reader.cancel().catch(() => {}), LINGER_MS);
    reader.closed.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
  };

  return {
    start: (receiver) => void read(receiver),
    send(message) {
      if (closing) return undefined;
      const written = writer.write(message);
      written.catch(() => {}); // the next one fails as well, and ends the session
      return writer.desiredSize > 0 ? undefined : writer.ready;
    },
    close,
  };
}
