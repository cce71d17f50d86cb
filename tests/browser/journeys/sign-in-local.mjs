// The link of `kubectl kliv ui`.

export default async function ({ input, visit, holds, none }) {
  const bo = await visit();
  const { page } = bo;
  await page.goto(input.link);
  await page.waitForURL(`${input.origin}/`);
  await page.waitForSelector(`header b:text-is("${input.person}")`);
  const held = await bo.held();
  holds("no address keeps the link's secret", !held.some(([, text]) => text.includes("token=")));
  const [cookie] = await bo.context.cookies(input.origin);
  holds("no script sees the cookie", cookie?.httpOnly && cookie?.sameSite === "Strict");
  await page.goto(`${input.origin}/accounts/${input.account}`);
  holds("what may be seen is seen", (await page.content()).includes("SHOWN_TOKEN"));

  const other = await visit({ language: "sv" });
  other.watch.expect(/status of 403/);
  await other.page.goto(input.link);
  holds("the link works once", await other.page.isVisible('[role="alert"]'));
  holds("nobody else is in", !(await other.page.content()).includes(input.person));
  none("the refusal has faults", await other.axe());
  await bo.context.close();
  await other.context.close();
  return null;
}
