// How much a first page weighs, and how soon it and a list of 256 can be used.

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
    // Far above what it takes: of a build that is not made to be fast, on a machine that has
    // other work. How long it does take is what the journey comes to.
    const limits = { few: 1000, 256: 1000 };
    for (const [name, path] of [["few", `/accounts/${account}`], ["256", `/accounts/${full}`]]) {
      const all = [];
      for (let round = 0; round < 7; round++) all.push((await quick.loads(origin + path, { fresh: true })).usable);
      times[name] = median(all);
      holds(`${name} can be used in ${limits[name]} ms`, times[name] < limits[name], all.map(Math.round).join());
    }
    holds("all 256 are there", (await quick.page.locator(at.secrets.rows).count()) === 256);
    const search = [];
    for (const text of ["TOKEN_1", "TOKEN_12", "TOKEN_200", ""]) {
      search.push(await quick.page.evaluate(async ({ search, text }) => {
        const field = document.querySelector(search);
        const begin = performance.now();
        field.value = text;
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
        return performance.now() - begin;
      }, { search: at.secrets.search, text }));
    }
    times.search = median(search);
    holds("a search in 256 is instant", times.search < 300, search.join());
  } finally {
    await browser.stop();
  }
  return { weights, times };
}

const median = (all) => Math.round(all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]);
