// `assets/live.js` and `assets/search.js` in Chromium, before a server that says what it is
// told to: `run.sh live.test.mjs`.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";

import { read } from "./lib/files.mjs";
import { load } from "./lib/packages.mjs";

const { chromium } = await load("playwright-core");

const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'; trusted-types 'none'; require-trusted-types-for 'script'";

/** What the server has: rows, and how it answers to who listens. */
const state = { rows: [], open: new Set(), refuses: false, asked: [], extra: "" };

const row = ({ name, text = "live", time = "1 minute ago" }) => `
<tr id="secret-${name}" data-live><th scope="row"><a href="#${name}">${name}</a></th>
<td>${text}</td><td><time datetime="2026-11-29T10:00:00Z">${time}</time></td></tr>`;

const page = () => `<!doctype html><html lang="en"><head>
<script type="module" src="/live.js" data-events="/events"></script>
<script type="module" src="/search.js"></script></head><body><main id="main" tabindex="-1">
<p id="live-lost" hidden>lost</p><p id="live-says" role="status" data-changed="changed"></p>
<div id="all" data-live>${state.rows.length === 0 ? `<p id="empty" data-live>none</p>` : `
<form data-search="secrets" action="/"><input type="search" name="q"><button>Show</button></form>
<span id="shown" data-live data-all="${state.rows.length}" data-some="{} of ${state.rows.length}">${state.rows.length}</span>
<p id="none" hidden>none like that</p>
<table id="table"><tbody id="secrets" data-live="list">${state.rows.map(row).join("")}</tbody></table>`}
${state.extra}</div></main></body></html>`;

const server = createServer((request, answer) => {
  state.asked.push(request.url);
  if (request.url === "/events") {
    if (state.refuses) return answer.writeHead(503).end();
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write(": here\n\n");
    state.open.add(answer);
    return request.on("close", () => state.open.delete(answer));
  }
  const asset = /^\/(live|search)\.js$/.exec(request.url);
  if (asset) {
    answer.writeHead(200, { "content-type": "text/javascript" });
    return answer.end(read(`src/web/assets/${asset[1]}.js`));
  }
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY });
  return answer.end(page());
});

const changed = () => state.open.forEach((one) => one.write("event: changed\ndata:\n\n"));
const named = (...names) => names.map((name) => ({ name }));

let browser;
let tab;
before(async () => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
});
after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  await tab?.close();
  state.open.forEach((one) => one.destroy());
  Object.assign(state, { rows: named("a", "b", "c"), refuses: false, asked: [], extra: "" });
  tab = await browser.newPage();
  tab.on("pageerror", (error) => assert.fail(error));
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  // The first look after the connection is over.
  await tab.waitForFunction(() => performance.getEntriesByType("resource").some((one) => one.initiatorType === "xmlhttprequest"));
  await tab.evaluate(() => document.querySelectorAll("tr").forEach((one) => (one.first = true)));
});

const ids = () => tab.$$eval("tbody tr", (all) => all.map((one) => one.id.slice(7)));
const kept = () => tab.$$eval("tbody tr", (all) => all.filter((one) => one.first).map((one) => one.id.slice(7)));
const lit = () => tab.$$eval(".changed", (all) => all.map((one) => one.id));

async function becomes(rows) {
  state.rows = rows;
  changed();
  const wanted = rows.map(({ name, text = "live", time = "1 minute ago" }) => `${name} ${text} ${time}`);
  await tab.waitForFunction((wanted) => {
    const there = Array.from(document.querySelectorAll("tbody tr"), (one) => Array.from(one.children, (cell) => cell.textContent).join(" "));
    return there.join("|") === wanted.join("|");
  }, wanted);
}

test("rows come, go and move, and those that stay are the same", async () => {
  for (const order of ["acd", "dca", "a", "xaby", "byxa", "bxya"]) {
    await becomes(named(...order));
    assert.deepEqual(await ids(), [...order]);
  }
  assert.deepEqual(await kept(), ["a"]);
});

test("only what changed is highlighted, and it is said once", async () => {
  await becomes([{ name: "a" }, { name: "b", text: "stuck" }, { name: "c" }]);
  assert.deepEqual(await lit(), ["secret-b"]);
  assert.deepEqual(await kept(), ["a", "c"]);
  await tab.waitForFunction(() => document.getElementById("live-says").textContent === "changed");
});

test("how long ago something was is no change", async () => {
  await becomes([{ name: "a", time: "2 minutes ago" }, { name: "b" }, { name: "c" }]);
  assert.deepEqual(await lit(), []);
  assert.deepEqual(await kept(), ["a", "b", "c"]);
});

test("the focus stays in a row that changes, moves, or has gone", async () => {
  const at = () => tab.evaluate(() => document.activeElement.textContent);
  await tab.focus("#secret-b a");
  await becomes([{ name: "a" }, { name: "b", text: "stuck" }, { name: "c" }]);
  assert.equal(await at(), "b");
  await becomes([{ name: "c" }, { name: "b", text: "stuck" }, { name: "a" }]);
  assert.equal(await at(), "b");
  await becomes(named("c", "a"));
  assert.equal(await tab.evaluate(() => document.activeElement === document.body), false);
});

test("a list that was empty and is not any more, and the other way round", async () => {
  await becomes([]);
  assert.equal(await tab.textContent("#empty"), "none");
  await becomes(named("a"));
  await tab.fill("input", "zzz");
  assert.equal(await tab.isVisible("#secret-a"), false);
});

test("what somebody is in is left alone, and changes when he has left it", async () => {
  state.extra = `<p id="idle" data-live="idle"><input id="field"></p>`;
  changed();
  await tab.fill("#field", "half a");
  state.extra = `<p id="idle" data-live="idle"><input id="field"><b>new</b></p>`;
  await becomes(named("a"));
  assert.equal(await tab.inputValue("#field"), "half a");
  await tab.evaluate(() => document.activeElement.blur());
  changed();
  await tab.waitForSelector("#idle b");
});

test("no script of a page that was fetched runs", async () => {
  tab.on("pageerror", () => assert.fail("a script ran"));
  state.extra = `<p id="more" data-live>more<script>globalThis.ran = true</script></p>`;
  changed();
  await tab.waitForSelector("#more");
  assert.equal(await tab.evaluate(() => [globalThis.ran, document.querySelectorAll("#more script").length].join()), ",0");
});

test("after a pause the page is as the server has it, and meanwhile says that it may be old", async () => {
  state.refuses = true;
  state.open.forEach((one) => one.destroy());
  await tab.waitForSelector("#live-lost", { state: "visible" });
  state.rows = named("z");
  state.refuses = false;
  await tab.waitForSelector("#secret-z");
  await tab.waitForSelector("#live-lost", { state: "hidden" });
});

test("what is typed into the search narrows the list, is never sent and kept nowhere", async () => {
  await tab.fill("input", "B");
  assert.equal(await tab.textContent("#shown"), "1 of 3");
  await becomes([{ name: "a" }, { name: "b", text: "stuck" }, { name: "c" }]);
  assert.deepEqual(await tab.$$eval("tbody tr", (all) => all.filter((one) => !one.hidden).map((one) => one.id)), ["secret-b"]);
  await tab.fill("input", "sk_live_canary");
  assert.equal(await tab.isVisible("#none"), true);
  await Promise.all([tab.waitForNavigation(), tab.press("input", "Enter")]);
  await tab.waitForFunction(() => document.querySelector("input").value === "" && document.getElementById("none").hidden);
  assert.deepEqual(state.asked.filter((one) => one.includes("canary")), []);
  assert.equal(await tab.evaluate(() => sessionStorage.length), 0);
});
