// The tests of the tests: a page that does each thing that no page may do, and the check
// that must see it. What does nothing wrong must be let through.

import { createHash } from "node:crypto";
import http from "node:http";
import https from "node:https";
import zlib from "node:zlib";
import { canary, forms, Search } from "../lib/canary.mjs";
import { start } from "../lib/browser.mjs";
import { sent } from "../lib/visit.mjs";

const VALUE = canary("self-test");

export default async function ({ input, holds }) {
  const servers = [await serve(null), ...(input.tls ? [await serve(input.tls)] : [])];
  try {
    searches(holds);
    for (const server of servers) {
      const browser = await start({ servers: [server] });
      try {
        await leaks(browser, server.origin, holds);
        await violations(browser, server.origin, holds);
        await looks(browser, server.origin, holds);
      } finally {
        await browser.stop();
      }
    }
    const direct = await start({ servers, direct: true });
    const visit = await direct.visit();
    await visit.page.goto(`${servers[0].origin}/plain`);
    holds("what goes past the recorder is not kept", !direct.recorder.exchanges.length);
    await direct.stop();
  } finally {
    for (const { server } of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

/** Every form is found, and what is none is not. */
function searches(holds) {
  const search = new Search([VALUE]);
  for (const [name, text] of forms(VALUE)) {
    holds(`the form "${name}" is found`, search.find(Buffer.from(`before ${text} after`, "latin1")));
    const part = text.slice(5, 25);
    holds(`a part of the form "${name}" is found`, search.find(Buffer.from(`x${part}`, "latin1")));
  }
  for (const before of ["", "a", "ab"]) {
    const text = Buffer.from(`${before}${VALUE}c`);
    holds("base64 of more is found", search.find(text.toString("base64")));
    holds("base64url of more is found", search.find(text.toString("base64url")));
  }
  holds("bytes as numbers are found", search.find(JSON.stringify([...Buffer.from(VALUE)])));
  const others = [canary("another").slice(0, 25), `${VALUE.slice(0, 4)}****${VALUE.slice(-4)}`, sealed()];
  for (const other of others) holds(`${other} is none of it`, !search.find(other));
}

const sealed = () => "kliv1." + createHash("sha512").update(VALUE).digest("base64url").repeat(40);

/** Ways out, each as a script on the page. It is given the value, and says when it is done. */
const SENDS = {
  "a body of JSON": (v) => fetch("/take", { method: "POST", body: JSON.stringify({ v }) }),
  "an address": (v) => fetch("/take?v=" + encodeURIComponent(v)),
  "an address's path": (v) => fetch("/take/" + encodeURIComponent(v)),
  "a header": (v) => fetch("/take", { headers: { "x-value": encodeURIComponent(v) } }),
  "a form": (v) => fetch("/take", { method: "POST", body: new URLSearchParams({ v }) }),
  "a form of parts": (v) => {
    const form = new FormData();
    form.append("file", new Blob([v]), "file.txt");
    return fetch("/take", { method: "POST", body: form });
  },
  "a form as pages send it": (v) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "/take" });
    const field = form.appendChild(document.createElement("input"));
    Object.assign(field, { name: "v", value: v });
    document.body.append(form);
    setTimeout(() => form.submit());
  },
  "a beacon": (v) => navigator.sendBeacon("/take", v),
  "a beacon when the page is left": (v) => {
    addEventListener("pagehide", () => navigator.sendBeacon("/take", v));
    setTimeout(() => (location.href = "/plain"));
  },
  "a request that outlives the page": (v) => {
    fetch("/take", { method: "POST", body: v, keepalive: true });
    setTimeout(() => (location.href = "/plain"));
  },
  "a picture": (v) => {
    new Image().src = "/take?" + btoa(unescape(encodeURIComponent(v)));
  },
  "a cookie": (v) => {
    document.cookie = "v=" + encodeURIComponent(v);
    return fetch("/take");
  },
  "a worker": (v) => {
    const code = `fetch(${JSON.stringify(location.origin + "/take")}, { method: "POST", body: ${JSON.stringify(v)} })`;
    new Worker(URL.createObjectURL(new Blob([code])));
  },
  "a WebSocket": (v) => {
    const socket = new WebSocket(location.origin.replace("http", "ws") + "/take");
    socket.onopen = () => socket.send(v);
  },
  "an event stream's address": (v) => void new EventSource("/take?v=" + encodeURIComponent(v)),
  "a style's picture": (v) => {
    document.body.style.backgroundImage = `url("/take?${encodeURIComponent(v)}")`;
  },
  "UTF-16": (v) => fetch("/take", { method: "POST", body: Uint16Array.from(v, (_, i) => v.charCodeAt(i)) }),
  "what the address says after #, told by the page": (v) => {
    location.hash = encodeURIComponent(v);
    return fetch("/take", { method: "POST", body: location.href });
  },
  "an answer that is compressed": (v) =>
    fetch("/squeezed", { method: "POST", body: [...v].map((c) => c.codePointAt(0) + 7).join(" ") }).then((a) => a.text()),
  "the report of a broken policy": (v) => {
    const frame = document.createElement("iframe");
    frame.src = "/reports?v=" + encodeURIComponent(v);
    document.body.append(frame);
  },
};

/** Ways to keep it in the browser. */
const KEEPS = {
  "the page's text": (v) => document.body.append(v),
  "an attribute": (v) => document.body.setAttribute("data-v", v),
  "a comment": (v) => document.body.append(document.createComment(v)),
  "a hidden field": (v) => {
    const field = document.body.appendChild(document.createElement("input"));
    Object.assign(field, { type: "password", value: v });
  },
  "a text field": (v) => (document.body.appendChild(document.createElement("textarea")).value = v),
  "a shadow": (v) => document.body.attachShadow({ mode: "open" }).append(v),
  localStorage: (v) => localStorage.setItem("v", v),
  sessionStorage: (v) => sessionStorage.setItem("v", btoa(unescape(encodeURIComponent(v)))),
  "the history": (v) => history.replaceState({ v }, ""),
  "the address": (v) => (location.hash = v),
  "a former address": (v) => {
    history.pushState(null, "", "?" + encodeURIComponent(v));
    history.pushState(null, "", "/plain");
  },
  "a cookie": (v) => (document.cookie = "v=" + encodeURIComponent(v)),
  "the window's name": (v) => (window.name = v),
  "a database": () =>
    new Promise((done) => {
      indexedDB.open("v").onsuccess = done;
    }),
  "a cache": () => window.caches?.open("v"),
};

async function leaks(browser, origin, holds) {
  const search = new Search([VALUE]);
  const quiet = await browser.visit();
  await quiet.page.goto(`${origin}/plain`);
  await quiet.page.evaluate((v) => (window.kept = () => v), VALUE);
  const nothing = await quiet.leaks(search);
  holds("a page that keeps to itself is let through", !nothing.length, nothing.join("\n"));
  await quiet.context.close();

  const visit = await browser.visit();
  for (const [way, act] of Object.entries(SENDS)) {
    await visit.context.clearCookies();
    const page = await visit.context.newPage();
    await page.goto(`${origin}/plain`);
    const before = browser.recorder.exchanges.length;
    await page.evaluate(`(${act})(${JSON.stringify(VALUE)})`).catch(() => {});
    // Of this way alone: what came before is not its merit.
    const found = await until(() => sent(browser.recorder, search, before).length > 0);
    holds(`${origin.split(":")[0]}: sent by ${way} is seen`, found);
    // Not closed yet: of one that is just being left Chromium sometimes never says so.
  }
  await visit.context.close();
  const stranger = await browser.visit();
  await stranger.page.goto(`${origin}/plain`);
  await stranger.page.evaluate(() => fetch("//elsewhere.example/").catch(() => {}));
  const seen = () => browser.recorder.strangers.some((one) => one.includes("elsewhere.example"));
  holds("what is asked of another place is seen", await until(seen));
  await stranger.context.close();
  for (const [way, act] of Object.entries(KEEPS)) {
    const visit = await browser.visit();
    await visit.page.goto(`${origin}/plain`);
    await visit.page.evaluate(`(${act})(${JSON.stringify(VALUE)})`);
    // The cache of programs is there on secure pages alone.
    const found = [];
    for (const [, content, present] of await visit.held()) if (search.find(content) || present) found.push(content);
    holds(`${origin.split(":")[0]}: kept in ${way} is seen`, found.length);
    await visit.context.close();
  }
}

/** Pages that break a rule by themselves, and what must be said of it. */
const BREAKS = {
  "/inline": /^policy: script-src/,
  "/trusted": /^policy: require-trusted-types-for/,
  "/evals": /^policy: script-src on eval/,
  "/styled": /^policy: style-src/,
  "/dialog": /^dialog: alert/,
  "/logs": /^console: error/,
  "/throws": /^error: thrown/,
  "/rejects": /^error: rejected/,
  "/popup": /^page: another/,
  "/broken-picture": /^console: error/,
};

async function violations(browser, origin, holds) {
  for (const [path, pattern] of Object.entries(BREAKS)) {
    const visit = await browser.visit();
    await visit.page.goto(origin + path);
    const seen = await until(() => visit.watch.saw(pattern));
    holds(`${path} is seen to break its policy`, seen, visit.watch.happened().join("\n"));
    await visit.context.close();
    // It was to happen: it is no problem of the browser's.
    visit.watch.expect(/./);
  }
}

async function looks(browser, origin, holds) {
  const visit = await browser.visit({ width: 390 });
  await visit.page.goto(`${origin}/good`);
  const good = [...(await visit.axe()), ...(await visit.wide())];
  holds("a good page is let through", !good.length, good.join("\n"));
  await visit.page.goto(`${origin}/dark`);
  const dark = await visit.axe();
  holds("what can't be read in the dark is seen there", dark.some((one) => /^dark: color-contrast/.test(one)), dark.join("\n"));
  holds("and only there", !dark.some((one) => /^light/.test(one)), dark.join("\n"));
  await visit.page.goto(`${origin}/unlabelled`);
  holds("a field without a name is seen", (await visit.axe()).some((one) => /label/.test(one)));
  await visit.page.goto(`${origin}/wide`);
  holds("what is wider than the phone is seen", (await visit.wide()).length);
  const { weight, requests, usable } = await visit.loads(`${origin}/heavy`);
  const least = zlib.gzipSync(HEAVY).length;
  holds("a page weighs what is sent", weight > least && weight < least + 1000 && requests === 1, `${weight} ${least} ${requests}`);
  holds("a time is measured", usable > 0 && usable < 20_000, `${usable}`);
}

/** Waits for something to become true. */
async function until(truth) {
  for (const end = performance.now() + 5000; performance.now() < end; ) {
    if (truth()) return true;
    await new Promise((next) => setTimeout(next, 20));
  }
  return false;
}

const HEAVY = `<!doctype html><link rel="icon" href="data:,"><title>x</title>${createHash("sha512").update("x").digest("hex").repeat(400)}`;
const page = (body, head = "") =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<link rel="icon" href="data:,"><title>Page</title>${head}<body><main><h1>Page</h1>${body}</main></body></html>`;
const STRICT = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

const PAGES = {
  "/plain": { body: page("") },
  "/good": { body: page('<p>Text</p><label>Name <input name="a"></label>', "<style>:root{color-scheme:light dark}</style>") },
  "/dark": { body: page("<p>Text</p>", "<style>@media(prefers-color-scheme:dark){body{background:#222;color:#333}}</style>") },
  "/unlabelled": { body: page('<input name="a">') },
  "/wide": { body: page('<p style="width:2000px">Text</p>') },
  "/heavy": { body: HEAVY, gzip: true },
  "/inline": { body: page("<script>window.ran = 1</script>"), policy: STRICT },
  "/reports": { body: page("<script>window.ran = 1</script>"), policy: STRICT + "; report-uri /take" },
  "/trusted": { body: page('<script src="/trusted.js"></script>'), policy: STRICT },
  "/trusted.js": { body: "document.body.innerHTML = '<p>hello</p>'", type: "text/javascript" },
  "/evals": { body: page('<script src="/evals.js"></script>'), policy: "default-src 'none'; script-src 'self'" },
  "/evals.js": { body: "eval('1')", type: "text/javascript" },
  "/styled": { body: page('<p style="color:red">x</p>'), policy: STRICT },
  "/dialog": { body: page("<script>alert(1)</script>") },
  "/logs": { body: page("<script>console.error('hello')</script>") },
  "/throws": { body: page("<script>throw new Error('thrown')</script>") },
  "/rejects": { body: page("<script>Promise.reject(new Error('rejected'))</script>") },
  "/popup": { body: page("<script>open('/plain')</script>") },
  "/broken-picture": { body: page('<img alt="" src="/nowhere">') },
};

/** The server of these pages, over TLS where a certificate is given. */
async function serve(tls) {
  const answer = (request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const path = new URL(request.url, "http://here").pathname;
      if (path === "/squeezed") {
        const text = String.fromCodePoint(...Buffer.concat(chunks).toString().split(" ").map((n) => n - 7));
        response.writeHead(200, { "content-encoding": "gzip" }).end(zlib.gzipSync(text));
        return;
      }
      if (path.startsWith("/take")) {
        response.writeHead(204).end();
        return;
      }
      const page = PAGES[path];
      if (!page) {
        response.writeHead(404).end();
        return;
      }
      const headers = { "content-type": page.type ?? "text/html" };
      if (page.policy) headers["content-security-policy"] = page.policy;
      if (page.gzip) headers["content-encoding"] = "gzip";
      response.writeHead(200, headers).end(page.gzip ? zlib.gzipSync(page.body) : page.body);
    });
  };
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  server.on("upgrade", (request, socket) => {
    const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on("error", () => {});
    socket.resume();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const origin = `${tls ? "https" : "http"}://localhost:${server.address().port}`;
  return { server, origin, ...tls };
}
