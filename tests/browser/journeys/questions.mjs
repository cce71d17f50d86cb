// The three things that can be asked of people: a first value, a new one, whether a secret may
// go. Every page on the way until each is decided, for everybody, in one language.

import { at, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, none, holds }) {
  const { origin, account, language, objects } = input;
  const person = await visit({ language });
  const { page } = person;
  const home = `${origin}/accounts/${account}`;
  const of = (object) => `${home}/requests/${object}`;
  let looked = 0;
  const look = async (what) => {
    looked += 1;
    await person.looks(`${what}, in ${language}`, none);
  };
  const arrives = async (what, act) => {
    await act();
    await page.waitForSelector(at.done);
    await look(what);
  };
  // Past our scripts, which would not send it.
  const send = (form) => Promise.all([page.waitForNavigation(), page.locator(form).evaluate((form) => form.submit())]);

  await signIn(page, origin, input.signIn);
  for (const [what, path] of [["all questions", "/requests"], ["the secrets with questions", ""]]) {
    await page.goto(home + path);
    holds(`${what} speak it`, (await page.getAttribute("html", "lang")) === language);
    await look(what);
  }
  await page.goto(`${home}/requests`);
  const waiting = await page.locator(at.requests.all).count();
  holds("all of them wait", waiting === Object.keys(objects).length, `${waiting}`);
  for (const kind of ["first", "another", "deletion"]) {
    await page.goto(of(objects[kind]));
    holds(`${kind} says why`, (await page.locator(at.request.purpose).count()) > 0);
    await look(`the question for ${kind}`);
  }
  await page.goto(`${home}/secrets/${objects.another}`);
  await look("a secret that something is asked about");

  // A form that nothing was put into, and one of a question that is another by now.
  person.watch.expect(/status of (409|422)/);
  await page.goto(of(objects.another));
  await send(at.form.all);
  holds("it is said what is wrong", await page.locator(at.form.wrong).count());
  await look("a new value, with errors");
  for (const kind of ["another", "keep"]) {
    await page.goto(of(objects[kind]));
    await page.locator("[name=seen]").evaluateAll((fields) => fields.forEach((field) => (field.value = "an-older-one.1")));
    if (kind === "keep") await Promise.all([page.waitForNavigation(), page.click(at.request.keep)]);
    else {
      await page.fill(at.form.value, "what-nobody-asked-for-3f9");
      await Promise.all([page.waitForNavigation(), page.click(at.form.save)]);
    }
    holds(`${kind}: it is said that it was changed`, await page.locator(at.alert).count());
    await look(`${kind}, changed meanwhile`);
  }

  for (const kind of ["first", "another"]) {
    await page.goto(of(objects[kind]));
    await page.fill(at.form.value, `given-for-${kind}-7c21e4`);
    await arrives(`${kind}, answered`, () => page.click(at.form.save));
    await page.goto(of(objects[kind]));
    holds("nobody waits any more", !(await page.locator(at.form.all).count()));
    await look(`${kind}, when it was answered`);
  }
  for (const kind of ["refused", "kept"]) {
    await page.goto(of(objects[kind]));
    await page.click(at.request.refuse);
    await page.waitForSelector(at.request.refuseSure);
    await look(`${kind}, asked about`);
    await arrives(`${kind}, said no`, () => page.click(at.request.refuseSure));
  }
  await page.goto(of(objects.keep));
  await arrives("a proposal, said no", () => page.click(at.request.keep));

  // While time stands still.
  await page.goto(of(objects.deletion));
  await page.clock.install();
  await page.click(at.request.toDelete);
  await page.waitForSelector(at.delete.name);
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.fill(at.delete.name, objects.deletion);
  await page.click(at.delete.confirm);
  await page.waitForSelector(at.delete.undo);
  await look("a proposal, while it can be undone");
  await arrives("a proposal, done", () => page.clock.fastForward(11_000));
  await page.clock.resume();

  await page.goto(`${home}/requests`);
  holds("nothing is asked any more", !(await page.locator(at.requests.all).count()));
  await look("no question");
  return looked;
}
