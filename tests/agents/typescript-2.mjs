// A client of the official TypeScript SDK 2: revision 2026-07-28, or the one before.

import { load } from "./lib/packages.mjs";
import { serve } from "./lib/serve.mjs";
import { SignIn } from "./lib/signin.mjs";

const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");
const { StdioClientTransport } = load("@modelcontextprotocol/client/stdio");

await serve(async ({ door, name, can, revision }, elicit) => {
  const elicitation = {};
  if (can.links) elicitation.url = {};
  if (can.asks) elicitation.form = {};
  const asked = can.links || can.asks;
  const capabilities = asked ? { elicitation } : {};
  const mode = revision < "2026" ? "legacy" : { pin: revision };
  const signIn = door.signIn && new SignIn(name, door.signIn);
  let transport, client;
  const connect = async () => {
    client = new Client(
      { name, version: "1.2.3" },
      { capabilities, versionNegotiation: { mode } },
    );
    if (asked) client.setRequestHandler("elicitation/create", elicit);
    transport = door.command
      ? new StdioClientTransport({ ...door, stderr: "inherit" })
      : new StreamableHTTPClientTransport(new URL(door.url), {
          authProvider: signIn,
          requestInit: { headers: door.headers },
        });
    await client.connect(transport);
  };
  const through = (act) => signIn.through(act, (came) => transport.finishAuth(came));
  await (signIn ? through(connect) : connect());
  client.signIn = signIn && { through, holds: (tokens) => signIn.holds(tokens) };
  client.revision = () => client.getNegotiatedProtocolVersion();
  const callTool = client.callTool.bind(client);
  client.callTool = (tool, args, options) => callTool({ name: tool, arguments: args }, options);
  return client;
});
