// The packages of package-lock.json, from the cache outside the checkout: `setup.sh` says
// where, and whoever runs these files hands it on in KLIV_AGENTS_PACKAGES.

import { createRequire } from "node:module";
import { join } from "node:path";

const folder = process.env.KLIV_AGENTS_PACKAGES;
if (!folder) throw new Error("KLIV_AGENTS_PACKAGES is not set: run through run.sh");

/** A package as a module. */
export const load = createRequire(join(folder, "/"));
