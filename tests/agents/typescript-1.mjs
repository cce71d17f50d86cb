// A client of the official TypeScript SDK 1: revision 2025-11-25.

import { load } from "./lib/packages.mjs";
import { serve } from "./lib/serve.mjs";
import { SignIn } from "./lib/signin.mjs";

const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = load("@modelcontextprotocol/sdk/client/stdio.js");
const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { ElicitRequestSchema } = load("@modelcontextprotocol/sdk/types.js");

await serve(async ({ door, name, can }, elicit) => {
  const elicitation = {};
  if (can.links) elicitation.url = {};
  if (can.asks) elicitation.form = {};
  const asked = can.links || can.asks;
  const capabilities = asked ? { elicitation } : {};
  const signIn = door.signIn && new SignIn(name, door.signIn);
  let transport, revision, client;
  const connect = async () => {
    client = new Client({ name, version: "1.2.3" }, { capabilities });
    if (asked) client.setRequestHandler(ElicitRequestSchema, elicit);
    transport = door.command
      ? new StdioClientTransport({ ...door, stderr: "inherit" })
      : new StreamableHTTPClientTransport(new URL(door.url), {
          authProvider: signIn,
          requestInit: { headers: door.headers },
        });
    const whenAgreed = transport.setProtocolVersion?.bind(transport);
    transport.setProtocolVersion = (agreed) => {
      revision = agreed;
      whenAgreed?.(agreed);
    };
    await client.connect(transport);
  };
  const through = (act) => signIn.through(act, (came) => transport.finishAuth(came.get("code")));
  await (signIn ? through(connect) : connect());
  client.signIn = signIn && { through, holds: (tokens) => signIn.holds(tokens) };
  client.revision = () => revision;
  const callTool = client.callTool.bind(client);
  client.callTool = (tool, args, options) =>
    callTool({ name: tool, arguments: args }, undefined, options);
  return client;
});
