// Imports a pasted `.env` file with all that can go wrong, then a chosen one in Swedish on a
// phone. Gives what the preview said.

export default async function ({ input, visit, none, holds, search }) {
  const { link, account, pasted, chosen, replaced, canaries } = input;
  const origin = new URL(link).origin;
  const one = await visit();
  const { page } = one;
  await page.goto(link);
  const preview = async () => {
    await page.waitForSelector("[data-preview]:not([hidden])");
    return page.$$eval("[data-rows] tr", (rows) => rows.map((row) => {
      const [name, line, change, now, note] = [...row.children].slice(1).map((cell) => cell.textContent);
      const tick = row.querySelector("input");
      return { name, line: Number(line), change, now, note, taken: tick ? tick.checked : null, fixed: tick?.disabled ?? true };
    }));
  };

  await page.goto(`${origin}/accounts/${account}/import`);
  none("the empty page is accessible", await one.axe());
  await page.fill("[data-paste]", pasted);
  const rows = await preview();
  none("the preview is accessible", await one.axe());
  holds("no value is shown", !canaries.some((value) => rows.some((row) => JSON.stringify(row).includes(value))));
  for (const name of replaced) {
    await page.locator("[data-rows] tr", { hasText: name }).locator("input").check();
  }
  await Promise.all([page.waitForURL("**?done=imported"), page.click("[data-send]")]);
  none("nothing of a value is left", await one.leaks(search(canaries)));

  await page.goto(`${origin}/accounts/${account}/import`);
  await page.click('form[action="/language"] button');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.setInputFiles("[data-file]", { name: "test.env", mimeType: "text/plain", buffer: Buffer.from(chosen) });
  await preview();
  await page.fill("[data-environment-field]", "Test");
  await page.waitForSelector("[data-preview][hidden]", { state: "attached" });
  await page.fill("[data-environment-field]", "test");
  const swedish = await preview();
  none("nothing scrolls sideways on a phone", await one.wide());
  none("the preview is accessible in Swedish on a phone", await one.axe());
  await Promise.all([page.waitForURL("**?done=imported"), page.click("[data-send]")]);
  none("nothing of a value is left", await one.leaks(search(canaries)));
  return { rows, swedish };
}
