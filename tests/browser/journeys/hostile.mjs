// Text that somebody with a right to write has put into every field that takes one: it is
// shown as the text that it is, and nothing of it runs.

import { at, pages, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, holds, none }) {
  const { origin, marks } = input;
  const person = await visit();
  const { page } = person;
  await signIn(page, origin, input.signIn);
  // Text of an address where a day is to be.
  person.watch.expect(/does not conform to the required format/);
  const seen = new Set();
  const paths = new Set(input.paths);
  for (const account of input.accounts) {
    for (const path of Object.values(pages({ account, ...input }))) paths.add(path);
  }
  for (const language of ["en", "sv"]) {
    if ((await page.getAttribute("html", "lang")) !== language) {
      await Promise.all([page.waitForNavigation(), page.click(at.language)]);
    }
    for (const path of paths) {
      const answer = await page.goto(origin + path);
      holds(`${path} is there`, answer.status() === 200, `${answer.status()}`);
      for (const wide of [1280, 360]) {
        await page.setViewportSize({ width: wide, height: 800 });
        none(`${path} is wider than ${wide}`, await person.wide());
      }
      for (const details of await page.locator("details").all()) {
        await details.evaluate((element) => (element.open = true));
      }
      const found = await page.evaluate(() => {
        const foreign = [...document.querySelectorAll("script, img, iframe, object, embed, base, svg, math, style, link, meta[http-equiv]")]
          .filter((element) => {
            // Data for scripts is no script.
            if (element.type === "application/json") return false;
            const from = element.src || element.href;
            return !(typeof from === "string" && from.startsWith(location.origin + "/assets/"));
          })
          .map((element) => element.outerHTML);
        const handlers = [...document.querySelectorAll("*")].flatMap((element) =>
          [...element.attributes].filter((a) => a.name.startsWith("on") || /^\s*(javascript|data):/i.test(a.value) && ["href", "src", "action", "formaction"].includes(a.name)).map((a) => `${element.tagName} ${a.name}`),
        );
        return { foreign, handlers, ran: "pwned" in window, text: document.body.innerText + [...document.querySelectorAll("input, textarea")].map((field) => field.value).join("\n") };
      });
      // Each page has a window of its own.
      holds(`${path} runs no script of theirs`, !found.ran);
      none(`${path} has elements that are not ours`, found.foreign);
      none(`${path} has handlers that are not ours`, found.handlers);
      for (const mark of marks) if (found.text.includes(mark)) seen.add(mark);
    }
  }
  none("never shown, so nothing is proven of them", marks.filter((mark) => !seen.has(mark)));
  none("axe of the list", await person.axe());
  return { pages: paths.size, seen: seen.size };
}
