// Every page, in both languages and both colour schemes, on a desk and on a phone: nobody is
// kept out by how it looks, and nothing in it breaks a rule.

import { at, pages, signIn } from "../lib/pages.mjs";

const PHONE = { width: 360, height: 740 };
const DESK = { width: 1280, height: 800 };

export default async function ({ input, visit, none, holds }) {
  const { origin } = input;
  const titles = {};
  const person = await visit({ language: "en" });
  const { page } = person;

  if (!input.signIn.link) {
    for (const language of ["en", "sv"]) {
      const guest = await visit({ language });
      await guest.page.goto(`${origin}/sign-in`);
      holds(`a browser in ${language} is met in it`, (await spoken(guest.page)) === language);
      await looks(guest, `sign-in in ${language}`, none);
      guest.watch.expect(/status of 401/);
      const answer = await guest.page.goto(`${origin}/accounts/${input.account}`);
      holds("who is not signed in is not let in", answer.url().includes("/sign-in") || answer.status() === 401);
      await looks(guest, `who is not signed in, in ${language}`, none);
    }
  }

  await signIn(page, origin, input.signIn);
  let looked = 0;
  for (const language of ["en", "sv"]) {
    if ((await spoken(page)) !== language) {
      await Promise.all([page.waitForNavigation(), page.click(at.language)]);
    }
    for (const [name, path] of Object.entries(pages(input))) {
      const answer = await page.goto(origin + path);
      const what = `${name} in ${language}`;
      holds(`${what} is there`, answer.status() === 200, `${answer.status()} ${path}`);
      holds(`${what} speaks it`, (await spoken(page)) === language);
      holds(`${what} has one title`, (await page.locator(at.title).count()) === 1);
      ((titles[name] ??= {})[language]) = await page.title();
      const policy = answer.headers()["content-security-policy"] ?? "";
      holds(`${what} has a policy`, /default-src 'none'/.test(policy) && !/unsafe/.test(policy), policy);
      await looks(person, what, none);
      looked += 1;
    }
  }
  const same = Object.entries(titles).filter(([name, { en, sv }]) => en === sv && !input.sameTitles?.includes(name));
  none("called the same in both languages", same.map(([name]) => name));
  return { looked, pages: Object.keys(titles).length };
}

const spoken = (page) => page.getAttribute("html", "lang");

/** The page as it is: for readers of screens, in the dark, on a phone. */
async function looks(person, what, none) {
  none(`${what}, axe on a desk`, await person.axe());
  await person.page.setViewportSize(PHONE);
  none(`${what} is wider than a phone`, await person.wide());
  none(`${what}, axe on a phone`, await person.axe());
  await person.page.setViewportSize(DESK);
}
