// Pictures of every page for the docs: both languages, both colour schemes; the list on a
// phone, too.

import { at, pages, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit }) {
  const { origin, folder } = input;
  const taken = [];
  for (const language of ["en", "sv"]) {
    const { page, ...person } = await sized(visit, language);
    const shoot = async (name) => {
      for (const scheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
        const file = `${name}-${language}-${scheme}.png`;
        await page.screenshot({ path: `${folder}/${file}`, animations: "disabled", caret: "hide" });
        taken.push(file);
      }
    };
    await page.goto(`${origin}/sign-in`);
    await shoot("sign-in");
    await signIn(page, origin, input.signIn);
    for (const [name, path] of Object.entries(pages(input))) {
      await page.goto(origin + path);
      if (name === "import") await paste(page, input.paste);
      await shoot(name);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(origin + pages(input).secrets);
    await shoot("secrets-phone");
  }
  return taken;
}

const sized = (visit, language) => visit({ language, width: 1280, height: 860 });

/** A preview says more than an empty field. */
async function paste(page, text) {
  await page.fill(at.import.paste, text);
  await page.waitForSelector(at.import.rows);
  await page.locator(at.import.go).scrollIntoViewIfNeeded();
}
