// Searches what was kept of messages for values, masks and ciphertexts. The first line of
// standard input says `{ folder, values, handed, ciphertexts }`; says `{ files, bytes, found }`.
//
// `handed` are values that a client has handed in itself: they go to the server, and must
// not come back.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Search } from "../browser/lib/canary.mjs";
import { read, say } from "./lib/lines.mjs";

const { folder, values, handed = [], ciphertexts = [] } = await read();

const mask = (value) => {
  const signs = [...value];
  return `${signs.slice(0, 4).join("")}****${signs.slice(-4).join("")}`;
};

// What a server says holds nothing of any value.
const toClient = new Search([...values, ...handed, ...ciphertexts]);
// What a client says holds no value but those that it hands in.
const toServer = new Search([...values, ...ciphertexts]);
const never = [...values, ...handed].map(mask).concat("****", "kliv1.");

const found = [];
let files = 0;
let bytes = 0;
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const content = readFileSync(path);
  const ofServer = ["to-client", "said"].includes(basename(path));
  const form = (ofServer ? toClient : toServer).find(content);
  if (form) found.push(`${path}: ${form}`);
  for (const text of ofServer ? never : []) {
    const at = content.indexOf(text);
    if (at >= 0) found.push(`${path}: ${text.includes("*") ? "a mask" : "a ciphertext"}, at byte ${at}`);
  }
  files += 1;
  bytes += content.length;
}
say({ files, bytes, found });
