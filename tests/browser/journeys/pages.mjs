// Every page, in both languages and both colour schemes, on a desk and on a phone: nobody is
// kept out by how it looks, and nothing in it breaks a rule.

import { at, pages, signIn } from "../lib/pages.mjs";

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
      await guest.looks(`sign-in in ${language}`, none);
      guest.watch.expect(/status of 401/);
      const answer = await guest.page.goto(`${origin}/accounts/${input.account}`);
      holds("who is not signed in is not let in", answer.url().includes("/sign-in") || answer.status() === 401);
      await guest.looks(`who is not signed in, in ${language}`, none);
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
      await person.looks(what, none);
      looked += 1;
    }
    await states(person, input, language, { none, holds });
  }
  if (!input.signIn.link) await deleting(await visit({ language: "sv" }), input, none);
  const same = Object.entries(titles).filter(([name, { en, sv }]) => en === sv && !input.sameTitles?.includes(name));
  none("called the same in both languages", same.map(([name]) => name));
  return { looked, pages: Object.keys(titles).length };
}

/** What pages turn into under somebody's hands. */
async function states(person, input, language, { none, holds }) {
  const { page } = person;
  const path = Object.fromEntries(Object.entries(pages(input)).map(([name, path]) => [name, input.origin + path]));
  const look = (what) => person.looks(`${what} in ${language}`, none);
  // Past our scripts, which would not send it.
  const send = (form) => Promise.all([page.waitForNavigation(), page.locator(form).evaluate((form) => form.submit())]);

  person.watch.expect(/status of (403|404|422)/);
  for (const name of ["add", "update", "request"]) {
    await page.goto(path[name]);
    await send(at.form.all);
    holds(`${name} says what is wrong`, await page.locator(at.form.wrong).count());
    await look(`${name} with errors`);
  }

  await page.goto(path.add);
  await page.fill(at.form.name, "ANALYTICS_TOKEN");
  await page.fill(at.form.value, "sk" + "_live_" + "51Kx9QmV2cRtW7nB4yLp8");
  await page.click(at.form.save);
  await page.waitForSelector(at.form.unfit);
  await look("a value that is asked about");

  await page.goto(path.secret);
  await page.click(at.secret.backTo(1));
  await page.waitForSelector(at.secret.backSure(1));
  await look("going back, asked about");

  await page.goto(path.import);
  await page.locator(at.import.sent).evaluate((field, row) => (field.value = JSON.stringify([row])), {
    variable: "STRIPE_API_KEY", environment: "test", overwrite: false,
    sealed: `kliv1.${"0".repeat(32)}.${"A".repeat(160)}`, sealedAt: new Date().toISOString(),
  });
  await send(at.import.form);
  holds("what is there is not imported", await page.locator(at.import.failed).count());
  await look("an import of which not all was taken");

  for (const [what, to] of [
    ["a secret that is not there", `${path.secrets}/secrets/no-such-secret`],
    ["an account that is another's", `${input.origin}/accounts/kube-system`],
  ]) {
    const answer = await page.goto(to);
    holds(`${what} is refused`, [403, 404].includes(answer.status()), `${answer.status()}`);
    await look(what);
  }
}

/** Somebody who is about to delete, while time stands still. */
async function deleting(person, input, none) {
  const { page } = person;
  await signIn(page, input.origin, input.signIn);
  await page.clock.install();
  await page.goto(input.origin + pages(input).delete);
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.fill(at.delete.name, input.secret);
  await page.click(at.delete.confirm);
  await page.waitForSelector(at.delete.undo);
  await person.looks("deleting, while it can be undone", none);
  await page.click(at.delete.undo);
}

const spoken = (page) => page.getAttribute("html", "lang");
