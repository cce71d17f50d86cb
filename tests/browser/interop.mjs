// Answers one job from standard input, as JSON: see `tests/cluster/web_seal.rs`.

import * as dotenv from "../../src/web/assets/dotenv.js";
import * as rules from "../../src/web/assets/rules.js";
import * as sealing from "../../src/web/assets/seal.js";
import { openAll, readAll, sayAll, sealAll } from "./lib/interop.mjs";
import * as opening from "./lib/open.mjs";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { kind, job } = JSON.parse(Buffer.concat(chunks));
const answers = {
  seal: () => sealAll(sealing, job),
  open: () => openAll(opening, job),
  say: () => sayAll(rules, job),
  dotenv: () => readAll({ ...dotenv, ...rules }, job),
};
process.stdout.write(JSON.stringify(await answers[kind]()));
