// Without any script: all that needs no sealing works, and what needs it says so.

import { at, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, holds }) {
  const { origin, account, secret } = input;
  const { page, watch } = await visit({ script: false });
  await signIn(page, origin, input.signIn);
  await page.goto(`${origin}/accounts/${account}`);
  const all = await page.locator(at.secrets.rows).count();
  await page.fill(at.secrets.search, "stripe");
  await Promise.all([page.waitForNavigation(), page.press(at.secrets.search, "Enter")]);
  const some = await page.locator(at.secrets.rows).count();
  holds("a search finds some", some > 0 && some < all, `${some} of ${all}`);

  await page.goto(`${origin}/accounts/${account}/new`);
  holds("it is said that a value needs a script", await page.locator("main noscript p").first().isVisible());
  await page.fill(at.form.name, "MADE_TOKEN");
  await page.check(at.form.generate);
  await Promise.all([page.waitForNavigation(), page.click(at.form.save)]);
  holds("a value is made without", page.url().includes("/secrets/made-token"), page.url());

  await page.goto(`${origin}/accounts/${account}/secrets/${secret}`);
  await page.click(at.secret.backTo(1));
  await Promise.all([page.waitForNavigation(), page.click(at.secret.backSure(1))]);
  holds("back to a former version", await page.locator(at.done).count());

  await page.goto(`${origin}/accounts/${account}/secrets/made-token/delete`);
  watch.expect(/status of 422/);
  await page.fill(at.delete.name, "another");
  await Promise.all([page.waitForNavigation(), page.click(at.delete.confirm)]);
  holds("a wrong name deletes nothing", !(await page.locator(at.done).count()));
  await page.fill(at.delete.name, "MADE_TOKEN");
  await Promise.all([page.waitForNavigation(), page.click(at.delete.confirm)]);
  holds("the right one does", await page.locator(at.done).count());
}
