// The format in JavaScript: `tests/vectors/` and what a page can hand in.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  byteLength, fromHex, MAX_VALUE, padded, readSealingKey, seal, sealWith, toHex,
} from "../../../src/web/assets/seal.js";
import { vectors } from "../lib/files.mjs";
import { open, readKeyring, sealingKeyOf } from "../lib/open.mjs";

const [, here] = vectors("open").find(([name]) => name === "right-short.json");
const place = { account: "shop", variable: "OPENAI_API_KEY", environment: "production" };
const at = Date.UTC(2026, 10, 24);

async function sealed(value, also = {}) {
  const sealingKey = await sealingKeyOf(here.keyring);
  return seal({ sealingKey, ...place, value, sealedAt: at, ...also });
}

async function code(promise) {
  return promise.then(() => null, (error) => error.code);
}

test("every sealed value opens or is refused as its file says", async () => {
  let seen = 0;
  for (const [name, vector] of vectors("open")) {
    const keyring = await readKeyring(vector.keyring);
    const opened = await open(keyring, vector, vector.sealed).catch((error) => error.message);
    const outcome = typeof opened === "string" ? opened : "opened";
    assert.equal(outcome, vector.expect, name);
    if (outcome === "opened") {
      assert.equal(toHex(opened.value), vector.value.hex.repeat(vector.value.times), name);
      assert.equal(opened.sealedAt, Date.parse(vector.sealedAt), name);
    }
    seen += 1;
  }
  assert.ok(seen > 50);
});

test("sealing again with the same randomness gives the same text", async () => {
  let again = 0;
  for (const [name, vector] of vectors("open").filter(([, { ikmE }]) => ikmE)) {
    const { account, variable, environment, value, sealedAt, ikmE } = vector;
    const key = await readSealingKey(await sealingKeyOf(vector.keyring));
    const bytes = Uint8Array.from(Buffer.from(value.hex.repeat(value.times), "hex"));
    const text = await sealWith(key, {
      account, variable, environment, value: bytes, sealedAt: Date.parse(sealedAt),
      ekm: fromHex(ikmE, 32).buffer,
    });
    assert.equal(text, vector.sealed, name);
    again += 1;
  }
  assert.ok(again >= 8);
});

test("every sealing key is read or refused as its file says", async () => {
  const outcomes = { key: "malformed", suite: "suite", unsafe: "unsafe" };
  for (const [name, vector] of vectors("sealing-key")) {
    const read = await readSealingKey(vector.text).catch((error) => ({ code: error.code }));
    assert.equal(read.code ? outcomes[read.code] : "read", vector.expect, name);
    assert.equal(read.id, vector.keyId, name);
  }
});

test("text of every kind comes back as its bytes", async () => {
  const keyring = await readKeyring(here.keyring);
  for (const value of ["", "a", "å\u{10fffd}\u{1f600}", "a\r\nb\rc\n", "\0", "\ufeffx", "x".repeat(MAX_VALUE)]) {
    const opened = await open(keyring, place, await sealed(value));
    assert.equal(new TextDecoder("utf-8", { ignoreBOM: true }).decode(opened.value), value);
    assert.equal(opened.sealedAt, at);
  }
});

test("a place is bound: nothing opens elsewhere, and no environment is not an empty one", async () => {
  const keyring = await readKeyring(here.keyring);
  const text = await sealed("v", { environment: null });
  assert.ok(await open(keyring, { ...place, environment: null }, text));
  for (const other of [place, { ...place, environment: "" }, { ...place, environment: null, account: "shop2" }]) {
    await assert.rejects(open(keyring, other, text), /^Error: refused$/);
  }
});

test("64 KiB are counted in bytes and more is refused", async () => {
  assert.equal(await code(sealed("å".repeat(MAX_VALUE / 2))), null);
  assert.equal(await code(sealed(`${"å".repeat(MAX_VALUE / 2)}a`)), "tooLarge");
  assert.equal(await code(sealed(new Uint8Array(MAX_VALUE + 1))), "tooLarge");
});

test("half a character, no key and no time are refused by a code that quotes nothing", async () => {
  assert.equal(await code(sealed("s3cr3t\ud800")), "notText");
  assert.equal(await code(sealed("s3cr3t\udc00\ud800")), "notText");
  assert.equal(await code(sealed("s3cr3t", { sealingKey: "s3cr3t" })), "key");
  for (const sealedAt of [1.5, NaN, undefined, "1"]) {
    assert.equal(await code(sealed("s3cr3t", { sealedAt })), "time");
  }
});

test("bytes of the caller stay as they are", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  await sealed(bytes);
  assert.deepEqual(bytes, Uint8Array.of(1, 2, 3));
});

test("sizes are those of the documented table", () => {
  const table = [[0, 64], [1, 64], [64, 64], [65, 128], [1024, 1024], [1025, 1088], [2049, 2176],
    [4097, 4352], [8193, 8704], [16385, 17408], [32769, 34816], [65536, 65536], [65548, 67584]];
  for (const [length, size] of table) assert.equal(padded(length), size, `${length}`);
});

test("bytes are counted as UTF-8 has them", () => {
  for (const text of ["", "a", "å", "€", "\u{1f600}", "aå€\u{1f600}"]) {
    assert.equal(byteLength(text), Buffer.byteLength(text));
  }
});
