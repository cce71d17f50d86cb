// What people do with an account's secrets, from signing in to the audit, with functions that
// run: each value is asked of them. Nothing that the browser sent or holds has a value in it.

import { canary } from "../lib/canary.mjs";
import { left } from "../lib/files.mjs";
import { at, save, signIn } from "../lib/pages.mjs";
import { sent } from "../lib/visit.mjs";

export default async function ({ input, visit, ask, holds, none, search, recorder }) {
  const { origin, account, language, width } = input;
  const values = [];
  const value = (of) => {
    values.push(canary(`${language} ${of}`));
    return values.at(-1);
  };
  const person = await visit({ language, width });
  const { page } = person;
  const home = `${origin}/accounts/${account}`;
  const runs = (wanted) => ask({ runs: wanted });
  const steps = [];
  const done = async (step) => {
    none(`after ${step}, the browser`, await person.leaks(search(values)));
    none(`after ${step}, too wide`, width < 600 ? await person.wide() : []);
    steps.push(step);
  };

  await signIn(page, origin, input.signIn);
  await page.goto(home);
  holds("it speaks the browser's language", (await page.getAttribute("html", "lang")) === language);
  await done("signing in");

  // Add.
  const first = value("first");
  await page.click('main a[href$="/new"]');
  await save(page, { name: "SHOP_TOKEN", value: first, description: "of the shop" });
  await page.waitForURL(/\/secrets\/shop-token/);
  await page.waitForSelector(at.done);
  await done("adding");
  await runs({ SHOP_TOKEN: first });
  await page.waitForSelector(`${at.secret.functions} .badge.good`);

  // Update, while somebody looks at the list.
  const second = value("second");
  const list = await person.context.newPage();
  await list.goto(home);
  const row = at.secrets.row("shop-token");
  const before = await list.innerText(row);
  await page.goto(`${home}/secrets/shop-token`);
  await page.click(at.secret.update);
  await save(page, { value: second });
  await page.waitForSelector(at.done);
  await done("updating");
  await runs({ SHOP_TOKEN: second });
  await list.waitForFunction(([row, before]) => document.querySelector(row)?.innerText !== before, [row, before]);
  await list.close();

  // Back to the first.
  await page.goto(`${home}/secrets/shop-token`);
  await page.click(at.secret.backTo(1));
  await Promise.all([page.waitForNavigation(), page.click(at.secret.backSure(1))]);
  await done("rolling back");
  await runs({ SHOP_TOKEN: first });

  // Many at once, of which two are there already: one is replaced, one is kept.
  await page.goto(home);
  const kept = value("kept");
  await page.goto(`${home}/new`);
  await save(page, { name: "KEPT_TOKEN", value: kept });
  await page.waitForSelector(at.done);
  const many = { SHOP_TOKEN: value("replaced"), KEPT_TOKEN: value("not taken") };
  for (let n = 0; n < 48; n++) many[`MANY_TOKEN_${n}`] = value(`many ${n}`);
  const lines = Object.entries(many).map(([name, value]) => `${name}=${quoted(value)}`);
  await page.goto(`${home}/import`);
  await imports(page, ["# from the old host", ...lines, "PATH=/usr/bin"].join("\n"), ["SHOP_TOKEN"], holds);
  await done("importing");
  await runs({ ...many, KEPT_TOKEN: kept });

  // Delete, think better of it, and delete all the same.
  const deletes = () => recorder.exchanges.filter((one) => one.method === "POST" && one.path.endsWith("/delete"));
  await page.goto(`${home}/secrets/kept-token/delete`);
  await page.fill(at.delete.name, "KEPT_TOKEN");
  await page.click(at.delete.confirm);
  await page.click(at.delete.undo);
  await page.waitForSelector(at.delete.undo, { state: "hidden" });
  holds("what was undone was not sent", !deletes().length);
  await page.fill(at.delete.name, "KEPT_TOKEN");
  await page.click(at.delete.confirm);
  await page.waitForSelector(at.done);
  holds("it was sent once", deletes().length === 1);
  await done("deleting");
  await runs({ KEPT_TOKEN: null });

  // Answer what somebody asks for: a value of another kind is asked about.
  await ask({ request: "ANALYTICS_TOKEN" });
  await page.goto(`${home}/requests`);
  await page.click(`${at.requests.one("analytics-token")} h2 a`);
  await page.fill(at.form.value, "sk" + "_live_" + "51Kx9QmV2cRtW7nB4yLp8");
  await page.click(at.form.save);
  await page.waitForSelector(at.form.unfit);
  const answer = value("answer");
  await page.fill(at.form.value, answer);
  await page.click(at.form.save);
  await page.waitForSelector(at.done);
  await done("answering");
  await runs({ ANALYTICS_TOKEN: answer });

  // Who did what.
  await page.goto(`${home}/audit`);
  holds("all of it is in the audit", (await page.locator(at.audit.events).count()) > 20);
  holds("and the chain is whole", await page.locator(`${at.audit.chain} .good`).count());
  await done("the audit");

  none("sent or answered", sent(recorder, search(values)));
  none("left on disk", left(input.left, search(values)));
  holds("its log is looked through", left(input.left, search([input.logged])).length);
  return { steps, requests: recorder.exchanges.length, values: values.length };
}

/** As `.env` files have it. */
const quoted = (value) => `"${value.replace(/["\\]/g, (sign) => `\\${sign}`)}"`;

/** Pastes, chooses which of those that are there are replaced, and imports. */
async function imports(page, text, replaced, holds) {
  await page.fill(at.import.paste, text);
  await page.waitForSelector(at.import.rows);
  holds("there are 51 rows", (await page.locator(at.import.rows).count()) === 51);
  for (const name of replaced) {
    await page.locator(at.import.rows, { hasText: name }).locator(at.import.choose).first().check();
  }
  await page.click(at.import.go);
  await page.waitForSelector(at.done);
}
