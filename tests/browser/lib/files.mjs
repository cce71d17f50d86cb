// Files of the checkout, for tests that run in Node, and what a server leaves behind.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
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

/** Which files under a folder, at any depth, hold what is searched for: what servers left there. */
export function left(folder, search) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return left(path, search);
    const form = entry.isFile() && search.find(readFileSync(path));
    return form ? [`${entry.name}: ${form}`] : [];
  });
}
