// What is vendored is what was looked at, and loads under a strict Content-Security-Policy.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { files, read } from "../lib/files.mjs";

const folder = "src/web/assets/vendor";

test("each file has the sum that is written down, and none is without", () => {
  const sums = read(`${folder}/SHA256SUMS`).toString().trim().split("\n").map((line) => line.split("  "));
  for (const [sum, name] of sums) {
    assert.equal(createHash("sha256").update(read(`${folder}/${name}`)).digest("hex"), sum, name);
  }
  const named = sums.map(([, name]) => name);
  const there = files(folder, "").map(([name]) => name);
  assert.deepEqual(there.filter((name) => !named.includes(name)), ["README.md", "SHA256SUMS"]);
});

test("scripts need no import map, no eval and nothing from elsewhere", () => {
  const scripts = [...files(folder, ".js"), ...files("src/web/assets", ".js")];
  for (const [name, bytes] of scripts) {
    const text = bytes.toString().replace(/^\s*\/\/.*$/gm, "");
    const imports = [...text.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"']*)["']/g)];
    for (const [, specifier] of imports) assert.match(specifier, /^\.\//, name);
    assert.doesNotMatch(text, /\bimport\s*\(/, name);
    assert.doesNotMatch(text, /\beval\s*\(|new Function|\bFunction\s*\(/, name);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write/, name);
  }
  assert.ok(scripts.length >= 2);
});
