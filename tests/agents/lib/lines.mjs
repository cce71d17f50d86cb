// How these scripts speak with the test that runs them: a line of JSON each way. A script
// ends when its standard input does, so also when the test is gone.

import { createInterface } from "node:readline";

const waiting = [];
const unread = [];
let closed = () => {};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const read = JSON.parse(line);
  const next = waiting.shift();
  if (next) next(read);
  else unread.push(read);
});
lines.on("close", async () => {
  await Promise.race([closed(), new Promise((resolve) => setTimeout(resolve, 5000))]);
  process.exit();
});

/** What the test says next. */
export const read = () =>
  unread.length ? Promise.resolve(unread.shift()) : new Promise((resolve) => waiting.push(resolve));

/** Says something to the test. */
export const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

/** What is to be done when the test has had enough. */
export const onEnd = (close) => (closed = close);
