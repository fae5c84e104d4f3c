// A WebSocket for Node versions that have none: the client side of RFC 6455
// over node:http, with the interface of the browser's. For tests only.

import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const Op = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 };

export class WebSocket extends EventTarget {
  readyState = 0;
  protocol = '';
  #socket;
  #request;
  #buffer = Buffer.alloc(0);
  #fragments = [];
  #opcode;
  #closing = { code: 1006, reason: '' };

  constructor(url, protocols = []) {
    super();
    const key = randomBytes(16).toString('base64');
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': protocols.join(', '),
    };
    const accept = createHash('sha1').update(key + GUID).digest('base64');
    this.#request = request(String(url).replace(/^ws/, 'http'), { headers });
    this.#request.on('upgrade', (response, socket, head) => this.#upgraded(response, socket, head, accept));
    this.#request.on('response', (response) => {
      response.resume();
      this.#closed();
    });
    this.#request.on('error', () => this.#closed());
    this.#request.end();
  }

  get bufferedAmount() {
    return this.#socket?.writableLength ?? 0;
  }

  send(message) {
    if (typeof message === 'string') this.#write(Op.Text, Buffer.from(message));
    else this.#write(Op.Binary, Buffer.from(message.buffer, message.byteOffset, message.byteLength));
  }

  close(code = 1000, reason = '') {
    if (this.readyState === 0) {
      this.#request.destroy();
      this.#closed();
    }
    if (this.readyState !== 1) return;
    this.readyState = 2;
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(code);
    payload.write(reason, 2);
    this.#write(Op.Close, payload);
  }

  #upgraded(response, socket, head, accept) {
    if (response.headers['sec-websocket-accept'] !== accept) {
      socket.destroy();
      this.#closed();
      return;
    }
    this.#socket = socket;
    this.protocol = response.headers['sec-websocket-protocol'] ?? '';
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#arrived(bytes));
    socket.on('error', () => {}); // the close event follows
    socket.on('close', () => this.#closed());
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
    if (head.length > 0) this.#arrived(head);
  }

  #closed() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), this.#closing));
  }

  #write(opcode, payload) {
    const long = payload.length > 0xffff ? 8 : payload.length > 125 ? 2 : 0;
    const frame = Buffer.alloc(2 + long + 4 + payload.length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (long === 8 ? 127 : long === 2 ? 126 : payload.length);
    if (long === 2) frame.writeUInt16BE(payload.length, 2);
    if (long === 8) frame.writeBigUInt64BE(BigInt(payload.length), 2);
    const mask = randomBytes(4);
    mask.copy(frame, 2 + long);
    const at = 6 + long;
    for (let i = 0; i < payload.length; i++) frame[at + i] = payload[i] ^ mask[i & 3];
    this.#socket.write(frame);
  }

  #arrived(bytes) {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    while (this.#buffer.length >= 2) {
      const b = this.#buffer;
      let length = b[1] & 0x7f;
      let at = 2;
      if (length > 125) {
        const long = length === 126 ? 2 : 8;
        if (b.length < 2 + long) return;
        length = long === 2 ? b.readUInt16BE(2) : Number(b.readBigUInt64BE(2));
        at += long;
      }
      if (b.length < at + length) return;
      this.#buffer = b.subarray(at + length);
      this.#frame(b[0] & 0x0f, (b[0] & 0x80) !== 0, b.subarray(at, at + length));
    }
  }

  #frame(opcode, last, payload) {
    if (opcode === Op.Ping) this.#write(Op.Pong, payload);
    if (opcode === Op.Close) this.#peerCloses(payload);
    if (opcode > Op.Binary) return;
    if (opcode !== Op.Continuation) this.#opcode = opcode;
    this.#fragments.push(payload);
    if (!last) return;
    const message = Buffer.concat(this.#fragments);
    this.#fragments = [];
    const data = this.#opcode === Op.Text ? message.toString() : Uint8Array.from(message).buffer;
    this.dispatchEvent(new MessageEvent('message', { data }));
  }

  #peerCloses(payload) {
    this.#closing = payload.length < 2 ? { code: 1005, reason: '' } : { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) };
    if (this.readyState === 1) this.#write(Op.Close, payload);
    this.#socket.end();
  }
}

/** A WebSocket that closes with the codes only that pages may use. */
export class PageWebSocket extends WebSocket {
  close(code = 1000, reason = '') {
    if (code !== 1000 && (code < 3000 || code > 4999)) throw new DOMException('not for pages', 'InvalidAccessError');
    super.close(code, reason);
  }
}
