// Answers one job from standard input, as JSON: see `tests/cluster/web_seal.rs`.

import * as dotenv from "../../src/web/assets/dotenv.js";
import * as rules from "../../src/web/assets/rules.js";
import * as sealing from "../../src/web/assets/seal.js";
import { answer } from "./lib/interop.mjs";
import * as opening from "./lib/open.mjs";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const asked = JSON.parse(Buffer.concat(chunks));
process.stdout.write(JSON.stringify(await answer({ ...dotenv, ...rules, ...sealing, ...opening }, asked)));
