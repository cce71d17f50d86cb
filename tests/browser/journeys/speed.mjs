// How much a first page weighs, and how soon it and a list of 256 can be used: against each
// other by turns, so that other work of the machine counts for little.

import { start } from "../lib/browser.mjs";
import { at, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, holds }) {
  const { origin, account, full } = input;
  const first = await visit();
  await signIn(first.page, origin, input.signIn);
  const weights = {};
  for (const path of ["/", `/accounts/${account}`, `/accounts/${account}/new`, `/accounts/${full}`]) {
    const { weight, requests } = await first.loads(origin + path, { fresh: true });
    weights[path.replace(account, "few").replace(full, "256")] = { weight, requests };
    holds(`${path} weighs less than 60 kB`, weight < 60_000, `${weight}`);
  }

  // Past the recorder, which takes time of its own.
  const browser = await start({ servers: input.servers, direct: true });
  const times = {};
  try {
    const quick = await browser.visit();
    await signIn(quick.page, origin, input.signIn);
    const all = { few: [], 256: [] };
    for (let round = 0; round < 7; round++) {
      for (const [name, path] of [["few", `/accounts/${account}`], ["256", `/accounts/${full}`]]) {
        all[name].push((await quick.loads(origin + path, { fresh: true })).usable);
      }
    }
    for (const name in all) times[name] = median(all[name]);
    holds("256 can be used about as soon as a few", times[256] < 10 * times.few, JSON.stringify(all));
    holds("all 256 are there", (await quick.page.locator(at.secrets.rows).count()) === 256);
    const search = [];
    for (const [text, found] of [["TOKEN_1", 111], ["TOKEN_12", 11], ["TOKEN_200", 1], ["", 256]]) {
      search.push(await quick.page.evaluate(async ({ search, text }) => {
        const field = document.querySelector(search);
        const begin = performance.now();
        field.value = text;
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
        return performance.now() - begin;
      }, { search: at.secrets.search, text }));
      // In the very next frame, and nobody is asked for it.
      const shown = await quick.page.locator(`${at.secrets.rows}:visible`).count();
      holds(`a search in 256 for "${text}" is instant`, shown === found, `${shown} rows`);
    }
    times.search = median(search);
  } finally {
    await browser.stop();
  }
  return { weights, times };
}

const median = (all) => Math.round(all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]);
