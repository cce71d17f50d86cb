// The controller's part of the format, for tests: opens what `assets/seal.js` or Rust sealed.
// Strict, as `docs/format.md` says; an error is a code of its tables.

import {
  aad, fromBase64url, fromHex, keyId, MAX_VALUE, padded, parseSealed, suite, toHex,
} from "../../../src/web/assets/seal.js";

const INFO = new TextEncoder().encode("kliv-secrets sealed value v1");
const KEY_BYTES = 32;
const HEADER_BYTES = 12;
const TIMES = [-377705023201000n, 253402207200000n];

/** Reads a keyring's lines: installation and private keys by id. */
export async function readKeyring(lines) {
  const installation = fromHex(lines[1].slice("installation ".length), 16);
  const keys = new Map();
  for (const line of lines.slice(2).filter((line) => line !== "")) {
    const [, , id, secret] = line.split(" ");
    const privateKey = await suite.kem.deserializePrivateKey(fromBase64url(secret));
    keys.set(id, privateKey);
  }
  return { installation, keys };
}

/** The text form of a private key's public half, for sealing again. */
export async function sealingKeyOf(lines) {
  const [, , id, secret] = lines.find((line) => line.startsWith("active ")).split(" ");
  const privateKey = await suite.kem.deserializePrivateKey(fromBase64url(secret));
  // WebCrypto gives a private key's public half only in this form.
  const { x } = await crypto.subtle.exportKey("jwk", privateKey);
  if (toHex(await keyId(fromBase64url(x))) !== id) throw new Error("key-mismatch");
  return `kliv1-key.x25519.${lines[1].slice("installation ".length)}.${x}`;
}

/** @returns {Promise<{value: Uint8Array, sealedAt: number}>} */
export async function open(keyring, { account, variable, environment = null }, text) {
  const { id, body } = parseSealed(text);
  const recipientKey = keyring.keys.get(id);
  if (!recipientKey) throw new Error("unknown-key");
  const key = { idBytes: fromHex(id, 16), installation: keyring.installation };
  let message;
  try {
    message = await suite.open(
      { recipientKey, enc: body.slice(0, KEY_BYTES), info: INFO },
      body.slice(KEY_BYTES),
      aad(key, { account, variable, environment }),
    );
  } catch {
    throw new Error("refused");
  }
  const head = new DataView(message);
  const bytes = new Uint8Array(message);
  const sealedAt = head.getBigInt64(0);
  const length = head.getUint32(8);
  const faithful = length <= MAX_VALUE
    && padded(HEADER_BYTES + length) === bytes.length
    && bytes.subarray(HEADER_BYTES + length).every((byte) => byte === 0)
    && sealedAt >= TIMES[0] && sealedAt <= TIMES[1];
  if (!faithful) throw new Error("refused");
  return { value: bytes.slice(HEADER_BYTES, HEADER_BYTES + length), sealedAt: Number(sealedAt) };
}
