// Signing in by the provider and by a token, signing out, and links from elsewhere.

export default async function ({ input, visit, holds, none }) {
  const secrets = [];
  const here = (page) => page.url().replace(input.origin, "");
  const session = async (person) => {
    const cookies = await person.context.cookies(input.origin);
    secrets.push(...cookies.map((cookie) => cookie.value));
    return cookies;
  };

  // By the provider. It is another site: the first request that comes back from there does not
  // carry a strict cookie.
  const anna = await visit();
  const { page } = anna;
  await page.goto(input.origin);
  holds("whoever is not signed in is asked to", here(page) === "/sign-in", page.url());
  none("the sign-in page has faults", await anna.axe());
  const asked = [];
  page.on("request", (request) => {
    const { origin, searchParams } = new URL(request.url());
    const names = ["code", "state", "nonce", "code_challenge"];
    if ([input.origin, input.issuer].includes(origin)) asked.push(...names.map((name) => searchParams.get(name)));
  });
  await page.click('a[href="/sign-in/oidc"]');
  holds("the provider is asked", page.url().startsWith(input.issuer), page.url());
  await session(anna);
  await page.fill('[name="user"]', input.user);
  await page.fill('[name="password"]', input.password);
  await page.click("button");
  await page.waitForURL(`${input.origin}/`);
  await page.waitForSelector(`header b:text-is("${input.person}")`);
  const [cookie, ...more] = await session(anna);
  holds("one cookie is left", !more.length, JSON.stringify(more.map(({ name }) => name)));
  holds("it is the session's", cookie?.name === "__Host-kliv-session");
  holds("no script sees it", cookie?.httpOnly && cookie?.secure && cookie?.sameSite === "Strict");
  const held = await anna.held();
  holds("no address keeps the code", !held.some(([, text]) => text.includes("code=")));
  await page.goto(`${input.origin}/accounts/${input.account}`);
  holds("what may be seen is seen", (await page.content()).includes("SHOWN_TOKEN"));

  // From another site, by a link. (What is there has no icon, which Chromium minds.)
  anna.watch.expect(/favicon\.ico/);
  await page.goto(`${input.issuer}/.well-known/openid-configuration`);
  await page.evaluate((to) => (location = to), `${input.origin}/accounts/${input.account}`);
  await page.waitForURL(`${input.origin}/accounts/${input.account}`);
  const between = await page.content();
  holds("nothing is shown before somebody goes on", !between.includes("SHOWN_TOKEN") && !between.includes(input.person));
  none("the page in between has faults", await anna.axe());
  await page.click("main a");
  await page.waitForSelector(`header b:text-is("${input.person}")`);
  holds("then it is", (await page.content()).includes("SHOWN_TOKEN"));

  // Out, and nothing is left behind the back button.
  await page.click('form[action="/sign-out"] button');
  await page.waitForURL(`${input.origin}/sign-in`);
  holds("no cookie is left", !(await session(anna)).length);
  await page.goBack();
  await page.waitForURL(`${input.origin}/sign-in`);
  holds("going back shows nothing", !(await page.content()).includes("SHOWN_TOKEN"));

  // By a token, in Swedish.
  const bo = await visit({ language: "sv", width: 390 });
  const paste = async (token) => {
    await bo.page.goto(`${input.origin}/sign-in`);
    await bo.page.fill("#token", token);
    await bo.page.click('form[action="/sign-in/token"] button');
  };
  bo.watch.expect(/status of 403/);
  await paste("eyJhbGciOiJub25lIn0.e30.x");
  holds("an unknown one is refused", await bo.page.isVisible('[role="alert"]'));
  none("the refusal has faults", await bo.axe());
  none("it is too wide for a phone", await bo.wide());
  await paste(input.powerful);
  const refusal = await bo.page.textContent('[role="alert"]');
  holds("one that could do more is refused", refusal.includes("kan göra mer"), refusal);
  holds("it is not shown again", !(await bo.page.content()).includes(input.powerful));
  await paste(input.token);
  await bo.page.waitForURL(`${input.origin}/`);
  await bo.page.waitForSelector(`header b:text-is("${input.owner}")`);
  await session(bo);
  secrets.push(...asked.filter((value) => value));
  return { secrets };
}
