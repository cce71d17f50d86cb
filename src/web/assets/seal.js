// Seals a value in the browser, so that no one else sees it but the controller.
// `docs/format.md` is the format; `src/seal/` the same in Rust. Nothing here knows the page.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "./vendor/hpke.js";

/** The greatest size of a value, bytes. */
export const MAX_VALUE = 64 * 1024;

const KEY_PREFIX = "kliv1-key";
const PREFIX = "kliv1";
const SUITE = { name: "x25519", id: Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x02) };
const KEY_BYTES = 32;
const HEADER_BYTES = 8 + 4;
const OVERHEAD = KEY_BYTES + 16;
const MAX_BODY = OVERHEAD + padded(HEADER_BYTES + MAX_VALUE);
const utf8 = new TextEncoder();
const INFO = utf8.encode("kliv-secrets sealed value v1");

/**
 * Why nothing was sealed, as a code; the page has the words. No message quotes anything.
 *
 * - `tooLarge`: the value has more than 64 KiB.
 * - `notText`: half a character, which no UTF-8 can hold.
 * - `key`: no sealing key; `suite`: one of algorithms that this version does not know;
 *   `unsafe`: one that everybody could open.
 * - `time`: `sealedAt` is no time in milliseconds.
 * - `unsupported`: this browser's WebCrypto lacks X25519, or the page is not secure.
 */
export class SealError extends Error {
  constructor(code) {
    super(code);
    this.name = "SealError";
    this.code = code;
  }
}

/**
 * Seals a value for one place. It opens nowhere else.
 *
 * @param {object} what
 * @param {string} what.sealingKey the text `kliv1-key.…` of the installation's public key
 * @param {string} what.account the namespace
 * @param {string} what.variable the environment variable
 * @param {?string} [what.environment] null for none, which is another place than ""
 * @param {string|Uint8Array} what.value what is sealed; bytes of the caller's stay his to wipe
 * @param {number} what.sealedAt milliseconds since 1970
 * @returns {Promise<string>} `kliv1.<key id>.<base64url>`
 * @throws {SealError}
 */
export async function seal({ sealingKey, account, variable, environment = null, value, sealedAt }) {
  return sealWith(await readSealingKey(sealingKey), {
    account, variable, environment, value, sealedAt,
  });
}

/**
 * The same with a key that was read before, for many values. `ekm` is for the vectors of the
 * format alone: pages never give one.
 */
export async function sealWith(key, { account, variable, environment = null, value, sealedAt, ekm }) {
  const message = messageOf(value, sealedAt);
  try {
    const recipientPublicKey = key.publicKey;
    const sender = await suite.createSenderContext({ recipientPublicKey, info: INFO, ekm });
    const ciphertext = await sender.seal(message.buffer, aad(key, { account, variable, environment }));
    const body = joined(new Uint8Array(sender.enc), new Uint8Array(ciphertext));
    return `${PREFIX}.${key.id}.${toBase64url(body)}`;
  } catch {
    throw new SealError("unsupported");
  } finally {
    message.fill(0);
  }
}

/**
 * Reads `kliv1-key.<suite>.<installation id>.<public key>`. The key's id is computed from the
 * key itself and taken from nowhere else.
 */
export async function readSealingKey(text) {
  const parts = text.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, "").split(".");
  if (parts.length !== 4 || parts[0] !== KEY_PREFIX) throw new SealError("key");
  if (parts[1] !== SUITE.name) throw new SealError("suite");
  const installation = fromHex(parts[2], 16);
  const raw = fromBase64url(parts[3]);
  if (installation === null || raw?.length !== KEY_BYTES) throw new SealError("key");
  const publicKey = await publicKeyOf(raw);
  const id = await keyId(raw);
  return { publicKey, installation, idBytes: id, id: toHex(id) };
}

/**
 * Takes a sealed value's text apart, strictly: it has only one form.
 *
 * @throws {Error} a word of the format's table: `not-sealed`, `version`, `key-id` …
 */
export function parseSealed(text) {
  const [prefix, id, ...rest] = text.split(".");
  if (prefix !== PREFIX || rest.length === 0) {
    const isNewer = text.includes(".") && prefix !== PREFIX && /^kliv[0-9]+$/.test(prefix);
    throw new Error(isNewer ? "version" : "not-sealed");
  }
  if (fromHex(id, 16) === null) throw new Error("key-id");
  const encoded = rest.join(".");
  if (encoded.length > Math.ceil(MAX_BODY / 3) * 4) throw new Error("length");
  const body = fromBase64url(encoded);
  if (body === null) throw new Error("encoding");
  if (body.length < OVERHEAD + padded(0) || body.length > MAX_BODY) throw new Error("length");
  return { id, body };
}

/** The first 16 bytes of SHA-256 over suite and public key. */
export async function keyId(raw) {
  const input = joined(field(utf8.encode("kliv-secrets key id v1")), field(SUITE.id), field(raw));
  return new Uint8Array(await subtle().digest("SHA-256", input)).slice(0, 16);
}

/** The associated data: every field carries its length, so that no two places have the same. */
export function aad(key, { account, variable, environment = null }) {
  return joined(
    field(SUITE.id),
    field(key.idBytes),
    field(key.installation),
    field(bytesOf(account)),
    field(bytesOf(variable)),
    environment === null ? Uint8Array.of(0) : joined(Uint8Array.of(1), field(bytesOf(environment))),
  );
}

/** The size to which `length` bytes are padded: 64-byte steps up to 1 KiB, then Padmé. */
export function padded(length) {
  if (length <= 1024) return Math.max(1, Math.ceil(length / 64)) * 64;
  const exponent = log2(length);
  const step = 2 ** (exponent - log2(exponent) - 1);
  return Math.ceil(length / step) * step;
}

/** How many bytes a text has. */
export function byteLength(text) {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** HPKE as RFC 9180 has it, base mode. */
export const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** `i64(sealedAt) ‖ u32(length) ‖ value ‖ zeros`: the only copy of the value that is made here. */
function messageOf(value, sealedAt) {
  if (!Number.isSafeInteger(sealedAt)) throw new SealError("time");
  const isText = typeof value === "string";
  if (isText && !isWellFormed(value)) throw new SealError("notText");
  const length = isText ? byteLength(value) : value.length;
  if (length > MAX_VALUE) throw new SealError("tooLarge");
  const message = new Uint8Array(padded(HEADER_BYTES + length));
  const head = new DataView(message.buffer);
  head.setBigInt64(0, BigInt(sealedAt));
  head.setUint32(8, length);
  if (isText) utf8.encodeInto(value, message.subarray(HEADER_BYTES));
  else message.set(value, HEADER_BYTES);
  return message;
}

async function publicKeyOf(raw) {
  // X25519 with a point of small order gives zero, whatever the private key, and engines
  // may refuse that or not: tried once, with any key.
  const x25519 = { name: "X25519" };
  let point, any;
  try {
    point = await subtle().importKey("raw", raw, x25519, true, []);
    any = await subtle().generateKey(x25519, false, ["deriveBits"]);
  } catch (error) {
    throw error instanceof SealError ? error : new SealError("unsupported");
  }
  const derive = { name: "X25519", public: point };
  const shared = await subtle().deriveBits(derive, any.privateKey, 256).catch(() => null);
  if (shared === null || new Uint8Array(shared).every((byte) => byte === 0)) {
    throw new SealError("unsafe");
  }
  return point;
}

function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new SealError("unsupported");
  return found;
}

function field(bytes) {
  const out = new Uint8Array(4 + bytes.length);
  new DataView(out.buffer).setUint32(0, bytes.length);
  out.set(bytes, 4);
  return out;
}

function bytesOf(text) {
  if (!isWellFormed(text)) throw new SealError("notText");
  return utf8.encode(text);
}

/** Whether every half of a character has its other half. */
function isWellFormed(text) {
  return !/\p{Surrogate}/u.test(text);
}

function joined(...parts) {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function log2(n) {
  return 31 - Math.clz32(n);
}

/** Small hexadecimal digits. */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Just so many bytes in small digits, or null. */
export function fromHex(text, length) {
  if (text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** base64url without padding (RFC 4648 section 5). */
export function toBase64url(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x2000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  }
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Strict: null for every form but the one that `toBase64url` gives. */
export function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const bytes = Uint8Array.from(
    atob(text.replaceAll("-", "+").replaceAll("_", "/")),
    (character) => character.charCodeAt(0),
  );
  return toBase64url(bytes) === text ? bytes : null;
}
