// Links that an agent's client shows: opened as they are, by somebody who has to sign in first,
// by somebody who is in, and from another site. What each leads to is done there.

import { at, byProvider } from "../lib/pages.mjs";

export default async function ({ input, visit, ask, holds, none, search, recorder }) {
  const { origin, issuer, signIn, width, language } = input;
  const person = await visit({ language, width });
  const { page } = person;
  // The next one, when a client shows it, and the value that is given there.
  const shown = () => ask("a link");
  const asksFor = async (purpose, kind) => {
    holds(`${kind}: one is where the link leads`, page.url() === link.url, `${page.url()} is not ${link.url}`);
    const said = await page.innerText(at.request.purpose);
    holds(`${kind}: the page says why`, said.includes(purpose), said);
  };
  const give = async (value) => {
    await page.fill(at.form.value, value);
    await page.click(at.form.save);
    await page.waitForSelector(at.done);
    none("the browser after it", await person.leaks(search(input.canaries)));
  };

  // Nobody is in: the sign-in leads back to the very page.
  let link = await shown();
  await page.goto(link.url);
  holds("who is not in is asked to sign in", page.url() === `${origin}/sign-in`, page.url());
  holds("and shown nothing", !(await page.content()).includes(link.purpose));
  await byProvider(page, signIn);
  await page.waitForURL(link.url);
  await page.waitForSelector(at.who);
  await asksFor(link.purpose, "a first value");
  const cookies = (await person.context.cookies(origin)).map(({ name }) => name);
  holds("the way there is forgotten", cookies.join() === "__Host-kliv-session", cookies.join());
  await give(link.value);

  // He is in.
  link = await shown();
  await page.goto(link.url);
  await asksFor(link.purpose, "a new value");
  await give(link.value);

  // From the page of another site. (What is there has no icon, which Chromium minds.)
  person.watch.expect(/favicon\.ico/);
  link = await shown();
  await page.goto(`${issuer}/.well-known/openid-configuration`);
  await page.evaluate((to) => (location = to), link.url);
  await page.waitForURL(link.url);
  holds("nothing is shown before he goes on", !(await page.content()).includes(link.purpose));
  await page.click("main a");
  await page.waitForSelector(at.who);
  await asksFor(link.purpose, "a deletion");
  await page.click(at.request.toDelete);
  const sent = () => recorder.exchanges.filter((one) => one.method === "POST" && one.path.endsWith("/delete"));
  await page.fill(at.delete.name, link.variable);
  await page.click(at.delete.confirm);
  await page.click(at.delete.undo);
  await page.waitForSelector(at.delete.undo, { state: "hidden" });
  holds("what was undone was not sent", !sent().length);
  await page.fill(at.delete.name, link.variable);
  await page.click(at.delete.confirm);
  await page.waitForSelector(at.done, { timeout: 60_000 });
  holds("it was sent once", sent().length === 1);
  if (width < 600) none("too wide", await person.wide());
  return recorder.exchanges.length;
}
