// A secret is added with the keyboard alone, from the first page on.

import { at, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, holds }) {
  const { origin, account, name, value } = input;
  const { page } = await visit();
  await signIn(page, origin, input.signIn);
  await page.goto(`${origin}/accounts/${account}`);

  await page.keyboard.press("Tab");
  const skip = await page.evaluate(() => document.activeElement.getAttribute("href"));
  holds("the first stop leads past the menu", skip === "#main", skip);
  await page.keyboard.press("Enter");
  await to(page, at.secrets.add, holds);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await to(page, at.form.name, holds);
  await page.keyboard.type(name);
  await to(page, at.form.value, holds);
  await page.keyboard.type(value);
  // A copy of it in the clear is not sent: the field that has it is shown.
  await to(page, at.form.description, holds);
  await page.keyboard.type(`the key ${value}`);
  await to(page, at.form.save, holds);
  await page.keyboard.press("Enter");
  await page.waitForFunction((field) => document.activeElement.matches(field), at.form.description);
  holds("why is said", (await page.innerText("form[data-seal] [data-says][role=alert]")).length > 3);
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Delete");
  await to(page, at.form.save, holds);
  await page.keyboard.press("Enter");
  if (await page.isVisible(at.form.unfit)) {
    await to(page, at.form.confirm, holds);
    await page.keyboard.press("Space");
    await to(page, at.form.save, holds);
    await page.keyboard.press("Enter");
  }
  await page.waitForSelector(at.done);
  holds("it is told what was done", (await page.innerText(at.done)).length > 3);
}

/** Presses Tab until the focus, which must be seen, is there. */
async function to(page, selector, holds) {
  for (let pressed = 0; pressed < 60; pressed++) {
    const found = await page.evaluate((selector) => {
      const element = document.activeElement;
      if (!element?.matches(selector)) return null;
      const style = getComputedStyle(element);
      return { outlined: style.outlineStyle !== "none" && style.outlineWidth !== "0px" || style.boxShadow !== "none" };
    }, selector);
    if (found) {
      holds(`the focus is seen on ${selector}`, found.outlined);
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${selector}`);
}
