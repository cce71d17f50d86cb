// Somebody who may only read sees no control that writes, and whatever is sent all the same
// is refused. Somebody of another account learns nothing.

import { at, pages, signIn } from "../lib/pages.mjs";

export default async function ({ input, visit, holds, none }) {
  const { origin, account, secret } = input;
  const reader = await visit();
  await signIn(reader.page, origin, input.reader);
  await reader.page.goto(`${origin}/`);
  const own = reader.page.locator(`main a[href="/accounts/${account}"]`);
  holds("who may see one account is led to it", (await own.count()) === 1);
  for (const [name, path] of Object.entries(pages(input))) {
    const answer = await reader.page.goto(origin + path);
    const status = answer.status();
    reader.watch.expect(/status of 403/);
    holds(`${name} is shown or explained`, status === 200 || status === 403, `${status}`);
    const forms = reader.page.locator('main form[method="post"] button');
    holds(`${name} has nothing that writes`, !(await forms.count()), await reader.page.locator("main").innerHTML());
    none(`${name}, axe`, await reader.axe());
  }
  await reader.page.goto(`${origin}/accounts/${account}/secrets/${secret}`);
  const controls = await reader.page.locator(at.secret.writes).count();
  holds("a secret has no control that writes", !controls);

  // Right in all but who sends it: nothing but rights refuses it.
  const { seen, sealed, sealedAt } = input;
  const row = { variable: "FORGED_TOKEN", environment: null, overwrite: false, sealed, sealedAt };
  const forms = [
    ["new", { name: "FORGED_TOKEN", source: "typed", sealed, sealedAt }],
    ["new", { name: "FORGED_TOKEN", source: "generate", length: "32" }],
    [`secrets/${secret}/update`, { act: "details", description: "forged", seen }],
    [`secrets/${secret}/rollback`, { version: "1", seen }],
    [`secrets/${secret}/delete`, { name: secret, seen }],
    ["import", { rows: JSON.stringify([row]) }],
  ];
  for (const [to, fields] of forms) {
    const status = await reader.page.evaluate(async ([path, fields]) => {
      const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
      return answer.status;
    }, [`/accounts/${account}/${to}`, fields]);
    holds(`a forged ${to} of ${Object.keys(fields)} is forbidden`, status === 403, `${status}`);
  }

  const stranger = await visit();
  stranger.watch.expect(/status of 40[34]/);
  await signIn(stranger.page, origin, input.stranger);
  holds("the list of accounts names no other", !(await stranger.page.innerText("body")).includes(account));
  for (const [name, path] of Object.entries(pages(input))) {
    if (!path.includes(account)) continue;
    const answer = await stranger.page.goto(origin + path);
    const said = await stranger.page.innerText("main");
    for (const told of input.untold) holds(`${name} does not tell a stranger of ${told}`, !said.includes(told), said);
    const forms = await stranger.page.locator('main form[method="post"]').count();
    holds(`${name} has nothing for a stranger to send`, !forms);
    none(`${name} for a stranger, axe`, await stranger.axe());
    // What is there and what is not look the same.
    const nowhere = await stranger.page.goto(origin + path.replace(account, "no-such-account"));
    const same = said.replaceAll(account, "no-such-account") === (await stranger.page.innerText("main"));
    holds(`${name} is to a stranger as if it were not`, same && nowhere.status() === answer.status(), said);
  }
  return forms.length;
}
