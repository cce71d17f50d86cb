// An OpenID provider for tests: `run.sh provider.mjs`, with one line of JSON on standard
// input:
//
//   { tls: { cert, key }, client: { id, secret?, redirect }, users: [{ name, password, groups }] }
//
// It answers with one line, `{ "issuer": … }`, and ends when standard input does. The ID
// token carries `sub`, `preferred_username`, `email` and `groups`, for API servers. A client
// with a secret may also ask for access tokens of its own, or of whoever has logged in, for one
// resource (RFC 8707): JWTs whose audience it is (RFC 9068).

import { generateKeyPairSync, randomBytes } from "node:crypto";
import https from "node:https";
import { createInterface } from "node:readline";
import { load } from "./lib/packages.mjs";

// It warns of what is right for tests: its memory goes with it.
console.warn = console.info = () => {};
const Provider = await load("oidc-provider");
const lines = createInterface({ input: process.stdin });
const { tls, client, users } = JSON.parse(await new Promise((line) => lines.once("line", line)));
lines.on("close", () => process.exit(0));

const server = https.createServer({ cert: tls.cert, key: tls.key });
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `https://localhost:${server.address().port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const user = (name) => users.find((user) => user.name === name);
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      ...(client.secret ? { client_secret: client.secret } : { token_endpoint_auth_method: "none" }),
      redirect_uris: [client.redirect],
      grant_types: ["authorization_code", ...(client.secret ? ["client_credentials"] : [])],
      response_types: ["code"],
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "tests" }] },
  cookies: { keys: [randomBytes(32).toString("hex")] },
  pkce: { required: () => true },
  // As most providers do: what the scopes ask for is in the ID token.
  conformIdTokenClaims: false,
  claims: { openid: ["sub", "groups"], profile: ["name", "preferred_username"], email: ["email", "email_verified"] },
  findAccount: (_, name) =>
    user(name) && {
      accountId: name,
      claims: () => ({
        sub: name,
        name,
        preferred_username: name,
        email: `${name}@example.org`,
        email_verified: true,
        groups: user(name).groups,
      }),
    },
  // Nobody is asked whether the client may know them.
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid profile email groups");
    await grant.save();
    return grant;
  },
  interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: Boolean(client.secret) },
    resourceIndicators: {
      enabled: Boolean(client.secret),
      getResourceServerInfo: (_, resource) => ({ scope: "", audience: resource, accessTokenFormat: "jwt" }),
    },
  },
  renderError: (context, out) => {
    context.type = "text";
    context.body = `${out.error}: ${out.error_description ?? ""}`;
  },
});

const FORM = (wrong) => `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Log in</title>
<body><main><h1>Log in</h1>${wrong ? "<p role=alert>No such user</p>" : ""}<form method="post">
<label>User <input name="user" autocomplete="off"></label><label>Password <input name="password" type="password"></label>
<button>Log in</button></form></main></body></html>`;

const answers = provider.callback();
server.on("request", async (request, response) => {
  if (!request.url.startsWith("/login/")) return answers(request, response);
  const show = (wrong) => response.writeHead(wrong ? 403 : 200, { "content-type": "text/html" }).end(FORM(wrong));
  if (request.method !== "POST") return show(false);
  let body = "";
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const known = user(form.get("user"));
  if (!known || known.password !== form.get("password")) return show(true);
  await provider.interactionFinished(request, response, { login: { accountId: known.name } });
});
process.stdout.write(JSON.stringify({ issuer }) + "\n");
