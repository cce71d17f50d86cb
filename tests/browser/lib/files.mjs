// Files of the checkout, for tests that run in Node.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

export function read(path) {
  return readFileSync(root + path);
}

/** `[name, content]` of the files of a folder that end so. */
export function files(folder, end) {
  return readdirSync(root + folder).filter((name) => name.endsWith(end)).sort()
    .map((name) => [name, read(`${folder}/${name}`)]);
}

export function vectors(folder) {
  return files(`tests/vectors/${folder}`, ".json").map(([name, text]) => [name, JSON.parse(text)]);
}
