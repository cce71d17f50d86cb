// Runs one journey: `run.sh run.mjs NAME`, with what it is given as one line of JSON on
// standard input. What it comes to is the last line of standard output; what it asks of the
// test that runs it are lines `{"ask": …}`, each answered by a line. It ends when standard
// input does.

import { createInterface } from "node:readline";
import { start } from "./lib/browser.mjs";
import { Search } from "./lib/canary.mjs";
import { left } from "./lib/files.mjs";
import { sent } from "./lib/visit.mjs";

const name = process.argv[2];
if (!/^[a-z-]+$/.test(name ?? "")) throw new Error("which journey?");
const { default: journey } = await import(`./journeys/${name}.mjs`);

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const answers = [];
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => answers.shift()?.(JSON.parse(line)));
const answer = () => new Promise((resolve) => answers.push(resolve));

const first = answer();
let browser;
let over = false;
lines.on("close", async () => {
  // The test is gone, or has had what it wanted.
  if (!over) await browser?.stop().catch(() => {});
  process.exit(over ? process.exitCode : 3);
});

const problems = [];
process.exitCode = 1;
try {
  const input = await first;
  browser = await start({ servers: input.servers ?? [], direct: input.direct });
  const ask = async (what) => {
    say({ ask: what });
    return answer();
  };
  const result = await journey({
    input,
    browser,
    recorder: browser.recorder,
    visit: (options) => browser.visit(options),
    ask,
    /** A claim; the journey goes on without it, and fails in the end. */
    holds: (claim, truth, why = "") => truth || problems.push(`not so: ${claim}${why && `: ${why}`}`),
    /** The same for a list that must be empty. */
    none: (claim, list) => list.length && problems.push(`${claim}:\n    ${list.slice(0, 12).join("\n    ")}`),
    search: (values) => new Search(values),
  });
  // What holds for every journey.
  for (const visit of browser.visits) {
    problems.push(...visit.watch.happened());
  }
  if (input.canaries) problems.push(...sent(browser.recorder, new Search(input.canaries)));
  if (input.canaries && input.left) problems.push(...left(input.left, new Search(input.canaries)));
  problems.push(...browser.recorder.strangers.map((one) => `asked of a stranger: ${one}`));
  say({ result: result ?? null, requests: browser.recorder.exchanges.length, problems });
  if (!problems.length) process.exitCode = 0;
} catch (error) {
  // Where it was, which a selector's failure does not tell.
  const pages = browser?.visits.map((visit) => visit.page?.url()) ?? [];
  for (const visit of browser?.visits ?? []) problems.push(...visit.watch.happened());
  const folder = process.env.KLIV_BROWSER_PICTURES;
  for (const [at, visit] of (folder ? browser?.visits ?? [] : []).entries()) {
    await visit.shot(`${folder}/${name}-${at}.png`).catch(() => {});
  }
  say({ result: null, problems: [`${error.stack ?? error}`, `at ${pages}`, ...problems] });
}
over = true;
await browser?.stop().catch(() => {});
lines.close();
