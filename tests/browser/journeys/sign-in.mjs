// The ways in, and the way out.

import { at, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, holds, none, search, recorder }) {
  const { origin, account } = input;
  const came = [];
  for (const how of input.ways) {
    const { page, watch, context } = await visit();
    await signIn(page, origin, how);
    came.push(await page.innerText(at.who));
    const way = Object.keys(how).join(" and ");
    holds(`${way}: nothing of it is in the address`, !/token|code|state/.test(page.url()), page.url());
    const history = await page.evaluate(() => performance.getEntriesByType("navigation")[0].name);
    holds(`${way}: nothing of it is in the history`, !/token|code=/.test(history), history);
    const cookies = await context.cookies(origin);
    const session = cookies.filter((cookie) => cookie.httpOnly && cookie.sameSite === "Strict");
    holds(`${way}: there is a session`, session.length === 1, cookies.map((cookie) => cookie.name).join());
    if (origin.startsWith("https:")) {
      holds(`${way}: no other host gets it`, session[0]?.secure && session[0]?.name.startsWith("__Host-"));
    }
    const answer = await page.goto(`${origin}/accounts/${account}`);
    holds(`${way}: one is let in`, answer.status() === 200, `${answer.status()}`);

    if (how.link) {
      // It works once.
      const other = await visit();
      other.watch.expect(/status of 40[0-9]/);
      const again = await other.page.goto(how.link);
      holds("a link works once", again.status() >= 400, `${again.status()}`);
      continue;
    }
    const kept = await context.cookies(origin);
    await Promise.all([page.waitForNavigation(), page.click(at.signOut)]);
    watch.expect(/status of 401/);
    await page.goto(`${origin}/accounts/${account}`);
    holds(`${way}: signed out, one is out`, !(await page.locator(at.who).count()));
    // A session that was ended is ended, whoever kept its cookie.
    await context.addCookies(kept);
    await page.goto(`${origin}/accounts/${account}`);
    holds(`${way}: a kept cookie does not bring one back`, !(await page.locator(at.who).count()));
  }

  if (input.wrong) {
    const { page, watch } = await visit();
    watch.expect(/status of 40[0-9]/);
    await page.goto(`${origin}/sign-in`);
    await page.fill(at.signIn.token, input.wrong);
    await page.click(at.signIn.byToken);
    await page.waitForSelector(at.alert);
    holds("a wrong token is told", !(await page.locator(at.who).count()));
    const wrong = search([input.wrong]);
    const answers = recorder.exchanges.filter((one) => wrong.find(one.answer()));
    none("a wrong token is told back", answers.map((one) => one.path));
  }
  return came;
}
