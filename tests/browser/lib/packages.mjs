// The packages of package-lock.json, from the cache outside the checkout: `setup.sh` says
// where, and whoever runs these files hands it on in KLIV_BROWSER_PACKAGES.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.env.KLIV_BROWSER_PACKAGES;
if (!folder) throw new Error("KLIV_BROWSER_PACKAGES is not set: run through run.sh");
const require = createRequire(join(folder, "/"));

/** A package as a module. */
export const load = async (name) => {
  const module = await import(pathToFileURL(require.resolve(name)).href);
  return module.default ?? module;
};

/** A file of a package, as text. */
export const text = (path) => readFileSync(require.resolve(path), "utf8");
