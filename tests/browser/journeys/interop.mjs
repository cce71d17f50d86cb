// The same jobs as `interop.mjs` in a real browser, on a page with the strictest policy: what
// is vendored loads under it, and WebCrypto is the browser's own.

import http from "node:http";
import { read } from "../lib/files.mjs";
import { start } from "../lib/browser.mjs";

const POLICY = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

export default async function ({ input }) {
  const server = http.createServer((request, response) => {
    response.setHeader("Content-Security-Policy", POLICY);
    const isScript = /^\/(src\/web\/assets|tests\/browser\/lib)\/[a-z/.]+\.m?js$/.test(request.url);
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? read(request.url.slice(1)) : "<!doctype html><title>interop</title>");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const browser = await start({ servers: [{ origin }] });
  try {
    const visit = await browser.visit();
    await visit.page.goto(origin);
    const answer = await visit.page.evaluate(async (asked) => {
      const names = ["dotenv", "rules", "seal"].map((name) => `/src/web/assets/${name}.js`);
      const [{ answer }, ...modules] = await Promise.all(
        ["/tests/browser/lib/interop.mjs", "/tests/browser/lib/open.mjs", ...names].map((name) => import(name)),
      );
      return answer(Object.assign({}, ...modules), asked);
    }, input);
    const happened = visit.watch.happened();
    if (happened.length) throw new Error(happened.join("\n"));
    return answer;
  } finally {
    await browser.stop();
    server.closeAllConnections();
    server.close();
  }
}
