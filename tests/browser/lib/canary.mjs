// Looks for a value: whole, in part, and in every form in which pages, addresses and
// bodies write it. The twin of `Search` in tests/cluster/canary.rs.

import { createHash } from "node:crypto";

// Longer than what a mask shows.
const PART = 12;
// Bytes as numbers take more room.
const NUMBERS = 30;

/** A value like no other, of one line, with signs that formats escape. */
export function canary(of) {
  const [a, b] = [0, 1].map((part) =>
    createHash("sha256").update(`${of} ${part}`).digest("hex").slice(0, 24),
  );
  return `k${a}"\\%<é '\u{1f511}&${b}`;
}

/** The ways to write a text, by name. Bytes are strings of one character each. */
export function forms(value) {
  const bytes = Buffer.from(value, "utf8");
  const json = JSON.stringify(value);
  const ascii = json.replace(/[^ -~]/g, (c) => "\\u" + hex4(c.charCodeAt(0)));
  const form = new URLSearchParams({ v: value }).toString().slice(2);
  const each = (write) => [...value].map((c) => (/[A-Za-z0-9]/.test(c) ? c : write(c))).join("");
  const all = {
    raw: value,
    json,
    "json twice": JSON.stringify(json),
    "json in ASCII": ascii,
    "address: all signs": [...bytes].map(percent).join(""),
    "address: component": encodeURIComponent(value),
    "address: whole": encodeURI(value),
    "address: twice": encodeURIComponent(encodeURIComponent(value)),
    form,
    hex: bytes.toString("hex"),
    "hex, large": bytes.toString("hex").toUpperCase(),
    "html: text": value.replace(/[&<>]/g, (c) => HTML[c]),
    "html: attribute": value.replace(/[&<>"']/g, (c) => HTML[c]),
    "html: decimal": each((c) => `&#${c.codePointAt(0)};`),
    "html: hexadecimal": each((c) => `&#x${c.codePointAt(0).toString(16)};`),
    script: each((c) => [...Array(c.length).keys()].map((i) => `\\u${hex4(c.charCodeAt(i))}`).join("")),
  };
  for (const skip of [0, 1, 2]) {
    all[`base64, ${skip}`] = bytes.subarray(skip).toString("base64").replace(/=+$/, "");
    all[`base64url, ${skip}`] = bytes.subarray(skip).toString("base64url");
  }
  const named = Object.entries(all).map(([name, text]) => [name, Buffer.from(text, "utf8")]);
  const little = Buffer.from(value, "utf16le");
  named.push(["UTF-16 LE", little], ["UTF-16 BE", Buffer.from(little).swap16()]);
  return new Map(named.map(([name, text]) => [name, text.toString("latin1")]));
}

/** What finds values. */
export class Search {
  #parts = new Map();
  #starts = new Uint8Array(1 << 16);

  constructor(values) {
    for (const value of values) {
      for (const [name, text] of forms(value)) this.#add(name, text, PART);
      const numbers = [...Buffer.from(value, "utf8")];
      this.#add("numbers", numbers.join(","), NUMBERS);
      this.#add("numbers", numbers.join(", "), NUMBERS);
    }
  }

  #add(name, text, size) {
    let parts = this.#parts.get(size);
    if (!parts) this.#parts.set(size, (parts = new Map()));
    for (let at = 0; at + size <= text.length; at++) {
      const part = text.slice(at, at + size);
      if (!parts.has(part)) parts.set(part, name);
      this.#starts[(part.charCodeAt(0) << 8) | part.charCodeAt(1)] = 1;
    }
  }

  /** Which form is there, and nothing of what stands around it; null where there is none. */
  find(content) {
    const text = (Buffer.isBuffer(content) ? content : Buffer.from(String(content), "utf8")).toString("latin1");
    for (let at = 0; at + 1 < text.length; at++) {
      if (!this.#starts[(text.charCodeAt(at) << 8) | text.charCodeAt(at + 1)]) continue;
      for (const [size, parts] of this.#parts) {
        const form = parts.get(text.slice(at, at + size));
        if (form) return `${form}, at byte ${at} of ${text.length}`;
      }
    }
    return null;
  }
}

const HTML = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

const hex4 = (number) => number.toString(16).padStart(4, "0");

const percent = (byte) => {
  const char = String.fromCharCode(byte);
  return /[A-Za-z0-9]/.test(char) ? char : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
};
