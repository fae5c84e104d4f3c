// Types of @simd-drive/muxio.

/** Opens a client. Rejects with an RpcError when the first attempt fails, whatever `reconnect` says. */
export function connect(url: string | URL | undefined, options?: ConnectOptions): Promise<Client>;

export interface ConnectOptions extends ConnectionOptions {
  /** A WebSocket with the interface of the browser's. Default: the global one. */
  WebSocket?: new (url: string | URL, protocols: string[]) => WebSocket;
  /** Used instead of a WebSocket; `url` is not looked at then. A function is called for each attempt. */
  transport?: Transport | ((signal?: AbortSignal) => Transport | Promise<Transport>);
  /** Bounds one attempt to open a WebSocket. Default: 10,000. */
  connectTimeoutMs?: number;
  /** Connects anew when a connection is lost or the peer goes away. Default: false. */
  reconnect?: boolean | ReconnectOptions;
  /** Gives up the first attempt to connect. */
  signal?: AbortSignal;
}

export interface ReconnectOptions {
  /** The wait before the first attempt, in milliseconds. Default: 100. */
  minDelayMs?: number;
  /** The longest wait, in milliseconds. A connection that lasts as long begins anew with the shortest. Default: 10,000. */
  maxDelayMs?: number;
  /** How much longer each wait is than the one before. Default: 2. */
  factor?: number;
  /** The part of a wait that is random, from 0 to 1. Default: 0.3. */
  jitter?: number;
  /** How many attempts may fail one after the other. Default: Infinity. */
  maxAttempts?: number;
  /** What calls do while there is no connection. Default: 'wait', at most `maxOwnCalls` of them. */
  newCalls?: 'wait' | 'fail';
}

export interface ConnectionOptions extends CodecOptions {
  /** Who answers the calls of the peer, by name of the method. A plain function answers unary calls. */
  handlers?: Record<string, UnaryHandler<any, any> | Route>;
  /** The timeout of calls that name none. Default: none. */
  timeoutMs?: number;
  limits?: Partial<Limits>;
  /** Asks a silent peer for a sign of life after `intervalMs`, and gives it up `timeoutMs` later. Default: 15,000 each. */
  keepAlive?: false | { intervalMs?: number; timeoutMs?: number };
  /** Is told what handlers throw that is no RpcError. The caller learns only that the handler failed. */
  onHandlerError?: (error: unknown, method: string) => void;
  /** Whether this end opened the connection. For Connection only. Default: true. */
  initiator?: boolean;
  /** Milliseconds of a clock that never goes back. For tests. */
  now?: () => number;
}

/** The bounds of a connection. What exceeds one closes the connection or fails a call; neither waits for memory. */
export interface Limits {
  /** The largest payload of a frame of the peer; a larger one closes with 1009. At least 65,536. Default: 1 MiB. */
  maxFrameBytes: number;
  /** What the peer may have under way on a stream. At least 262,144. Default: 1 MiB. */
  streamWindowBytes: number;
  /** What the peer may have under way on all streams together. At least 16 MiB. Default: 16 MiB. */
  connectionWindowBytes: number;
  /** Unfinished streams of the peer; one more closes with 1008. At least 100. Default: 8192. */
  maxStreams: number;
  /** Frames of a stream that are held because an earlier one is missing; one more closes with 1008. Default: 64. */
  maxAheadFrames: number;
  /** Bytes of all frames that are held so; more close with 1008. Default: 1 MiB. */
  maxAheadBytes: number;
  /** From this size on a message to the transport takes no further frame. Default: 256 KiB. */
  maxQueuedBytes: number;
  /** Bytes of grants, cancellations and pongs that the peer does not read; more close with 1008. Default: 1 MiB. */
  maxControlBytes: number;
  /** Pings of the peer in a second; one more closes with 1008. Default: 200. */
  maxPingsPerSecond: number;
  /** One message, sent or received; a larger one fails its call with ResourceExhausted. Default: 64 MiB. */
  maxMessageBytes: number;
  /** Bytes of messages that are not complete, of all calls together; more fail a call with ResourceExhausted. Default: 256 MiB. */
  maxBufferedBytes: number;
  /** Calls of the peer that run; one more is refused with ResourceExhausted. As many refusals may wait to be sent. Default: 256. */
  maxCalls: number;
  /** Own calls in flight; one more fails with ResourceExhausted. Default: 4096. */
  maxOwnCalls: number;
}

export const DEFAULT_LIMITS: Readonly<Limits>;

/** Turns values into messages and back. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(message: Uint8Array): T;
}

/** Bytes as they are. */
export const bytes: Codec<any>;
/** Text as UTF-8. */
export const text: Codec<string>;
/** JSON as UTF-8. */
export const json: Codec<any>;

/** Which codec serves which message: `codec` all of them, unless one is given for a kind. Default: bytes. */
export interface CodecOptions {
  codec?: Codec<any>;
  requestCodec?: Partial<Codec<any>>;
  /** For the items that a caller sends. */
  itemCodec?: Partial<Codec<any>>;
  /** For the response, or the items of it. */
  responseCodec?: Partial<Codec<any>>;
}

export interface CallOptions extends CodecOptions {
  /** Cancels the call, here and at the peer. */
  signal?: AbortSignal;
  /** How long to wait for the outcome; the peer is told. */
  timeoutMs?: number;
  metadata?: Metadata | Iterable<readonly [string, string | Uint8Array]> | Record<string, string | Uint8Array>;
  /** Whether the response goes before or after others that wait to be sent. Default: Normal. */
  priority?: PriorityValue;
  /** Is called with what came beside the response, when it begins. */
  onMetadata?: (metadata: Metadata) => void;
}

/** Makes calls. What fails, fails with an RpcError; what a codec throws is passed on. */
export interface Caller {
  /** One message each way. */
  call<Response = any, Request = any>(method: string, request?: Request, options?: CallOptions): Promise<Response>;
  /** A request that is answered by items. Reading asks the peer for more; cancelling ends the call. */
  serverStream<Item = any, Request = any>(method: string, request?: Request, options?: CallOptions): ReadableStream<Item>;
  /** A request, then items, and one response. A write is done when the peer has given room for it. */
  clientStream<Item = any, Response = any, Request = any>(
    method: string,
    request?: Request,
    options?: CallOptions,
  ): { writable: WritableStream<Item>; response: Promise<Response> };
  /** A request, then items in both directions. */
  bothWays<In = any, Out = any, Request = any>(
    method: string,
    request?: Request,
    options?: CallOptions,
  ): { readable: ReadableStream<Out>; writable: WritableStream<In> };
  /** Measures the time to the peer and back in milliseconds. */
  ping(): Promise<number>;
  /** Closes for good; calls in flight fail. Resolves when the connection has ended. */
  close(options?: { code?: number; reason?: string }): Promise<void>;
  /** Accepts no new calls in either direction, waits for those in flight and closes. `signal` ends the wait. */
  shutdown(options?: { reason?: string; signal?: AbortSignal }): Promise<void>;
}

export interface ConnectionEvents {
  /** The peer accepts no new calls. */
  goingaway: CustomEvent<{ code: number; reason: string }>;
  /** A connection has ended. */
  close: CustomEvent<{ code: number; reason: string; cause: CloseError }>;
}

export interface ClientEvents {
  /** A connection is there. Not told of the first one. */
  open: CustomEvent<{ attempt: number }>;
  goingaway: CustomEvent<{ code: number; reason: string }>;
  /** An attempt to connect is to be made after a wait. */
  reconnecting: CustomEvent<{ attempt: number; delayMs: number; cause: CloseError }>;
  /** A connection has ended. `final` tells that there will be no other. */
  close: CustomEvent<{ code: number; reason: string; cause: CloseError; final: boolean }>;
}

/** An EventTarget that knows its events. */
interface Target<Events> {
  addEventListener<T extends keyof Events>(type: T, listener: (event: Events[T]) => void, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<T extends keyof Events>(type: T, listener: (event: Events[T]) => void, options?: boolean | EventListenerOptions): void;
}

/** A connection to an address, and a new one when it is lost. */
export interface Client extends Caller, Target<ClientEvents> {
  readonly state: 'open' | 'goingaway' | 'reconnecting' | 'closed';
}

/** Calls in both directions over one transport, without an address: for servers, and for other transports. */
export class Connection implements Caller, Target<ConnectionEvents> {
  /** Starts the connection; it owns the transport. */
  constructor(transport: Transport, options?: ConnectionOptions);
  readonly state: 'open' | 'goingaway' | 'closed';
  /** Why the connection ended, null before. */
  readonly cause: CloseError | null;
  call: Caller['call'];
  serverStream: Caller['serverStream'];
  clientStream: Caller['clientStream'];
  bothWays: Caller['bothWays'];
  ping: Caller['ping'];
  close: Caller['close'];
  shutdown: Caller['shutdown'];
  addEventListener: Target<ConnectionEvents>['addEventListener'];
  removeEventListener: Target<ConnectionEvents>['removeEventListener'];
}

/** Carries messages, or just bytes, to the peer and back, in order and without loss. */
export interface Transport {
  /** Is called once. Nothing is told to the receiver before it returns. */
  start(receiver: { message(bytes: Uint8Array): void; closed(end: { code?: number; reason?: string }): void }): void;
  /** Sends a message, which it may keep. A promise asks to send no more until it is resolved. */
  send(message: Uint8Array): void | Promise<void>;
  /** Tells the peer why, as far as it can, and ends. One that cannot tell a code sends `goodbye` last, which has it. */
  close(code?: number, reason?: string, goodbye?: Uint8Array): void;
}

/** A transport over a plain stream of bytes: a socket (`Duplex.toWeb` in Node), or a stream of WebTransport. */
export function byteStreamTransport(streams: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> }): Transport;

/** The subprotocol of WebSockets. */
export const SUBPROTOCOL: 'muxio.v1';

/** What a handler knows of its call. */
export interface CallContext {
  readonly method: string;
  /** What the caller sent beside the request. */
  readonly metadata: Metadata;
  readonly priority: PriorityValue;
  /** What is to be sent beside the response. Fill it before the first item is sent. */
  readonly responseMetadata: Metadata;
  /** Where the call came in: a handler may call its caller. */
  readonly connection: Connection;
  /** Is aborted, with an RpcError, when the caller gave up, its time is over, or the connection ended. */
  readonly signal: AbortSignal;
  /** How long the caller is going to wait, undefined when it did not say. */
  readonly remainingMs: number | undefined;
}

type Items<T> = Iterable<T> | AsyncIterable<T>;
export type UnaryHandler<Request, Response> = (request: Request, context: CallContext) => Response | Promise<Response>;

/** A handler with its kind and codecs. */
export interface Route {
  readonly kind: string;
}

/** The functions below wrap a handler. Throw an RpcError to answer with it. */
export function unary<Request = any, Response = any>(handler: UnaryHandler<Request, Response>, options?: CodecOptions): Route;
export function serverStream<Request = any, Item = any>(
  handler: (request: Request, context: CallContext) => Items<Item> | Promise<Items<Item>>,
  options?: CodecOptions,
): Route;
export function clientStream<Request = any, Item = any, Response = any>(
  handler: (request: Request, items: ReadableStream<Item>, context: CallContext) => Response | Promise<Response>,
  options?: CodecOptions,
): Route;
export function bothWays<Request = any, In = any, Out = any>(
  handler: (request: Request, items: ReadableStream<In>, context: CallContext) => Items<Out> | Promise<Items<Out>>,
  options?: CodecOptions,
): Route;

/** Values under keys, in order. A key may have several values; a text travels as UTF-8. */
export class Metadata implements Iterable<[string, Uint8Array]> {
  constructor(from?: Metadata | Iterable<readonly [string, string | Uint8Array]> | Record<string, string | Uint8Array>);
  /** Keys are 1 to 128 of a-z, 0-9, `-`, `_`, `.`; all keys and values together are at most 16 KiB. */
  append(key: string, value: string | Uint8Array): this;
  /** The first value of a key. */
  get(key: string): string | undefined;
  getBytes(key: string): Uint8Array | undefined;
  getAll(key: string): string[];
  readonly size: number;
  [Symbol.iterator](): Iterator<[string, Uint8Array]>;
}

export const Priority: Readonly<{ Low: 0; Normal: 1; High: 2 }>;
export type PriorityValue = 0 | 1 | 2;

/** The codes of failed calls. */
export const Code: Readonly<{
  Canceled: 1;
  Unknown: 2;
  InvalidArgument: 3;
  DeadlineExceeded: 4;
  NotFound: 5;
  AlreadyExists: 6;
  PermissionDenied: 7;
  ResourceExhausted: 8;
  FailedPrecondition: 9;
  Aborted: 10;
  OutOfRange: 11;
  Unimplemented: 12;
  Internal: 13;
  Unavailable: 14;
  DataLoss: 15;
  Unauthenticated: 16;
}>;

/** The name of a code in lower-case words, such as "not found". */
export function codeName(code: number): string;

/** The failure of a call, as the answering end reported it or as this end found it. */
export class RpcError extends Error {
  constructor(code: number, message?: string, more?: { reason?: string; details?: { type: string; value: Uint8Array }[]; cause?: unknown });
  /** One of Code, or a number that this version does not know. */
  readonly code: number;
  readonly codeName: string;
  /** A short stable identifier within the service; may be empty. */
  readonly reason: string;
  readonly details: { type: string; value: Uint8Array }[];
  /** Whether the call may succeed on another connection. The peer may have carried it out all the same. */
  readonly retriable: boolean;
}

/** Codes with which a connection ends: those of RFC 6455. */
export const CloseCode: Readonly<{
  Normal: 1000;
  GoingAway: 1001;
  ProtocolError: 1002;
  UnsupportedData: 1003;
  /** The connection ended without a word. */
  Lost: 1006;
  Policy: 1008;
  TooBig: 1009;
  Internal: 1011;
}>;

/** Why a connection ended. */
export class CloseError extends Error {
  constructor(code: number, reason: string, remote: boolean);
  readonly code: number;
  readonly reason: string;
  /** Whether the peer ended it, or the network. */
  readonly remote: boolean;
}

/** The id under which a method travels. */
export function methodId(name: string): bigint;
