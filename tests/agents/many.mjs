// Many agents at once, each with a connection of its own, of both TypeScript SDKs by turns:
// each lists secrets, asks for one, and waits for it. The first line of standard input says
// `{ agents: [{ url, token, name }] }`; says what came of each.

import { load } from "./lib/packages.mjs";
import { read, say } from "./lib/lines.mjs";

const One = load("@modelcontextprotocol/sdk/client/index.js").Client;
const OneHttp = load("@modelcontextprotocol/sdk/client/streamableHttp.js").StreamableHTTPClientTransport;
const two = load("@modelcontextprotocol/client");

const options = { timeout: 600_000 };
const info = { name: "one of many", version: "1.2.3" };

async function connected({ url, token }, at) {
  const requestInit = { headers: { Authorization: `Bearer ${token}` } };
  if (at % 2) {
    const client = new One(info, {});
    await client.connect(new OneHttp(new URL(url), { requestInit }), options);
    return (name, args) => client.callTool({ name, arguments: args }, undefined, options);
  }
  const client = new two.Client(info, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(new two.StreamableHTTPClientTransport(new URL(url), { requestInit }), options);
  return (name, args) => client.callTool({ name, arguments: args }, options);
}

async function agent(told, at) {
  const call = await connected(told, at);
  const listed = await call("list_secrets", {});
  const asked = await call("request_secret", { name: told.name, purpose: "To be one of many" });
  let waited;
  let rounds = 0;
  do {
    waited = await call("wait_for_secret", { name: told.name, timeout_seconds: 60 });
    rounds += 1;
  } while (!waited.isError && waited.structuredContent.timed_out);
  const failed = [listed, asked, waited].filter((result) => result.isError);
  if (failed.length) throw new Error(failed[0].content[0].text);
  return {
    name: told.name,
    isNew: asked.structuredContent.is_new,
    status: waited.structuredContent.request.status,
    variable: waited.structuredContent.request.variable,
    rounds,
  };
}

const { agents } = await read();
const ended = await Promise.allSettled(agents.map(agent));
say({
  result: ended.map((end) => end.value ?? { failed: String(end.reason?.message ?? end.reason) }),
});
