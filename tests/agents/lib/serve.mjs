// What a client of any SDK does for the test that runs it, one thing after the other.

import { onEnd, read, say } from "./lines.mjs";

// A call may wait for a person.
const options = { timeout: 600_000, resetTimeoutOnProgress: true };

/** Does what the test says with a client: `connect` makes it from the first line. */
export async function serve(connect) {
  const told = await read();
  // One question at a time, though a client may ask several.
  let last = Promise.resolve();
  const elicit = ({ params }) =>
    (last = last.then(() => {
      say({ elicit: params });
      return read();
    }));
  let client;
  try {
    client = await connect(told, elicit);
  } catch (error) {
    say({ error: shape(error) });
    return;
  }
  onEnd(() => client.close().catch(() => {}));
  say({ result: connected(client) });
  for (;;) {
    const wanted = await read();
    try {
      const done = () => act(client, wanted);
      say({ result: (await (client.signIn?.through(done) ?? done())) ?? null });
    } catch (error) {
      say({ error: shape(error) });
    }
  }
}

const connected = (client) => ({
  server: client.getServerVersion(),
  can: client.getServerCapabilities(),
  instructions: client.getInstructions(),
  revision: client.revision(),
});

function act(client, wanted) {
  switch (wanted.do) {
    case "tools":
      return client.listTools();
    case "call":
      return client.callTool(wanted.tool, wanted.arguments, options);
    case "resources":
      return client.listResources();
    case "read":
      return client.readResource({ uri: wanted.uri });
    case "prompts":
      return client.listPrompts();
    case "hold":
      return client.signIn.holds(wanted.tokens);
    case "prompt":
      return client.getPrompt({ name: wanted.name, arguments: wanted.arguments });
    default:
      throw new Error(`what is ${wanted.do}?`);
  }
}

/** An error as the protocol has it, and what kind the SDK takes it for. */
const shape = (error) => ({
  kind: error.constructor.name,
  code: error.code ?? null,
  message: error.message,
  data: error.data ?? null,
});
