// XXH3, 64 bits, seed 0, default secret: the hash that turns the name of a
// method into the id under which it travels. Written for names: it is plain
// BigInt arithmetic, a few microseconds for a short input.

const MASK = 0xffffffffffffffffn;
const P32_1 = 0x9e3779b1n;
const P32_2 = 0x85ebca77n;
const P32_3 = 0xc2b2ae3dn;
const P64_1 = 0x9e3779b185ebca87n;
const P64_2 = 0xc2b2ae3d27d4eb4fn;
const P64_3 = 0x165667b19e3779f9n;
const P64_4 = 0x85ebca77c2b2ae63n;
const P64_5 = 0x27d4eb2f165667c5n;
const MX_1 = 0x165667919e3779f9n;
const MX_2 = 0x9fb21c651e98df25n;

const SECRET_HEX =
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
  'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
  '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
  'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
  'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
  '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e';
const SECRET_BYTES = 192;
const STRIPE_BYTES = 64;
const BLOCK_STRIPES = (SECRET_BYTES - STRIPE_BYTES) / 8;

const secret = viewOf(Uint8Array.from(SECRET_HEX.match(/../g), (pair) => parseInt(pair, 16)));

/**
 * Returns the hash of bytes as a BigInt of 64 bits.
 * @param {Uint8Array} bytes
 * @returns {bigint}
 */
export function xxh3(bytes) {
  const input = viewOf(bytes);
  if (bytes.length <= 16) return upTo16(input, bytes.length);
  if (bytes.length <= 128) return upTo128(input, bytes.length);
  if (bytes.length <= 240) return upTo240(input, bytes.length);
  return long(input, bytes.length);
}

function viewOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const read64 = (view, at) => view.getBigUint64(at, true);
const read32 = (view, at) => BigInt(view.getUint32(at, true));
const rotate = (v, n) => ((v << n) | (v >> (64n - n))) & MASK;

function swap64(v) {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, v, true);
  return view.getBigUint64(0, false);
}

function fold(a, b) {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}

function avalanche(h) {
  h ^= h >> 37n;
  h = (h * MX_1) & MASK;
  return h ^ (h >> 32n);
}

function avalanche64(h) {
  h ^= h >> 33n;
  h = (h * P64_2) & MASK;
  h ^= h >> 29n;
  h = (h * P64_3) & MASK;
  return h ^ (h >> 32n);
}

function upTo16(input, n) {
  if (n > 8) {
    const lo = read64(input, 0) ^ read64(secret, 24) ^ read64(secret, 32);
    const hi = read64(input, n - 8) ^ read64(secret, 40) ^ read64(secret, 48);
    return avalanche((BigInt(n) + swap64(lo) + hi + fold(lo, hi)) & MASK);
  }
  if (n >= 4) {
    const flip = read64(secret, 8) ^ read64(secret, 16);
    let h = (read32(input, n - 4) + (read32(input, 0) << 32n)) ^ flip;
    h ^= rotate(h, 49n) ^ rotate(h, 24n);
    h = (h * MX_2) & MASK;
    h ^= (h >> 35n) + BigInt(n);
    h = (h * MX_2) & MASK;
    return h ^ (h >> 28n);
  }
  if (n > 0) {
    const combined =
      (BigInt(input.getUint8(0)) << 16n) | (BigInt(input.getUint8(n >> 1)) << 24n) | BigInt(input.getUint8(n - 1)) | (BigInt(n) << 8n);
    return avalanche64(combined ^ read32(secret, 0) ^ read32(secret, 4));
  }
  return avalanche64(read64(secret, 56) ^ read64(secret, 64));
}

function mix16(input, at, key) {
  return fold(read64(input, at) ^ read64(secret, key), read64(input, at + 8) ^ read64(secret, key + 8));
}

function upTo128(input, n) {
  let h = BigInt(n) * P64_1;
  for (let i = (n - 1) >> 5; i >= 0; i--) {
    h += mix16(input, 16 * i, 32 * i) + mix16(input, n - 16 * (i + 1), 32 * i + 16);
  }
  return avalanche(h & MASK);
}

function upTo240(input, n) {
  let h = BigInt(n) * P64_1;
  for (let i = 0; i < 8; i++) h += mix16(input, 16 * i, 16 * i);
  h = avalanche(h & MASK);
  for (let i = 8; i < n >> 4; i++) h += mix16(input, 16 * i, 16 * (i - 8) + 3);
  return avalanche((h + mix16(input, n - 16, 136 - 17)) & MASK);
}

function accumulate(acc, input, at, key) {
  for (let i = 0; i < 8; i++) {
    const data = read64(input, at + 8 * i);
    const keyed = data ^ read64(secret, key + 8 * i);
    acc[i ^ 1] = (acc[i ^ 1] + data) & MASK;
    acc[i] = (acc[i] + (keyed & 0xffffffffn) * (keyed >> 32n)) & MASK;
  }
}

function scramble(acc) {
  for (let i = 0; i < 8; i++) {
    const v = acc[i] ^ (acc[i] >> 47n) ^ read64(secret, SECRET_BYTES - STRIPE_BYTES + 8 * i);
    acc[i] = (v * P32_1) & MASK;
  }
}

function long(input, n) {
  const acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1];
  const stripes = Math.floor((n - 1) / STRIPE_BYTES);
  for (let i = 0; i < stripes; i++) {
    accumulate(acc, input, STRIPE_BYTES * i, 8 * (i % BLOCK_STRIPES));
    if (i % BLOCK_STRIPES === BLOCK_STRIPES - 1) scramble(acc);
  }
  accumulate(acc, input, n - STRIPE_BYTES, SECRET_BYTES - STRIPE_BYTES - 7);
  let h = BigInt(n) * P64_1;
  for (let i = 0; i < 4; i++) {
    h += fold(acc[2 * i] ^ read64(secret, 11 + 16 * i), acc[2 * i + 1] ^ read64(secret, 11 + 16 * i + 8));
  }
  return avalanche(h & MASK);
}
