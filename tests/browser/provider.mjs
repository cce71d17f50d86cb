// An OpenID provider for tests: `run.sh provider.mjs`, with one line of JSON on standard
// input:
//
//   { tls: { cert, key }, clients: [{ id, secret?, redirects }], users: [{ name, password, groups }],
//     agents?: { registers } }
//
// It answers with one line, `{ "issuer": … }`, and ends when standard input does. The ID
// token carries `sub`, `preferred_username`, `email` and `groups`, for API servers. A client
// with a secret may also ask for access tokens of its own, or of whoever has logged in, for one
// resource (RFC 8707): JWTs whose audience it is (RFC 9068); with `over` in the form, for one
// that is over already.
//
// With `agents`, it is a company's that lets programs on people's machines in: clients without a
// secret get such tokens of whoever has logged in and has allowed it, and others that renew them;
// and where `registers`, whoever comes is a client.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import https from "node:https";
import { createInterface } from "node:readline";
import { load } from "./lib/packages.mjs";

// It warns of what is right for tests: its memory goes with it.
console.warn = console.info = () => {};
const Provider = await load("oidc-provider");
const lines = createInterface({ input: process.stdin });
const { tls, clients, users, agents } = JSON.parse(await new Promise((line) => lines.once("line", line)));
lines.on("close", () => process.exit(0));

const server = https.createServer({ cert: tls.cert, key: tls.key });
// Who comes back on his connection finds it, however long the machine lets him wait.
server.keepAliveTimeout = 0;
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `https://localhost:${server.address().port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const hasSecrets = clients.some((client) => client.secret);
const user = (name) => users.find((user) => user.name === name);
const provider = new Provider(issuer, {
  clients: clients.map(({ id, secret, redirects }) => ({
    client_id: id,
    ...(secret ? { client_secret: secret } : { token_endpoint_auth_method: "none" }),
    redirect_uris: redirects,
    grant_types: ["authorization_code", ...(secret ? ["client_credentials"] : agents ? ["refresh_token"] : [])],
    response_types: ["code"],
  })),
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
  // Nobody is asked whether the client may know them, but for agents' clients.
  ...(agents
    ? {
        scopes: ["openid", "offline_access", "use"],
        // Also to a client that does not ask for offline_access: not all know how.
        issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
      }
    : {
        async loadExistingGrant({ oidc }) {
          const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
          grant.addOIDCScope("openid profile email groups");
          await grant.save();
          return grant;
        },
      }),
  extraTokenClaims: (_, token) => user(token.accountId) && { groups: user(token.accountId).groups },
  formats: {
    customizers: {
      jwt(context, _, jwt) {
        if (context.oidc.body?.over) jwt.payload.exp = jwt.payload.iat - 3600;
      },
    },
  },
  interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: Boolean(agents?.registers) },
    clientCredentials: { enabled: hasSecrets },
    resourceIndicators: {
      enabled: hasSecrets || Boolean(agents),
      getResourceServerInfo: (_, resource) => ({ scope: "use", audience: resource, accessTokenFormat: "jwt" }),
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

const ALLOW = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Allow</title>
<body><main><h1>Allow</h1><form method="post"><button name="allow" value="yes">Allow</button></form></main></body></html>`;

/** What somebody allows a client: all that it asks for. */
async function allowed({ grantId, params, session, prompt: { details } }) {
  const known = grantId && (await provider.Grant.find(grantId));
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(" "));
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(" "));
  }
  return { consent: { grantId: await grant.save() } };
}

const answers = provider.callback();
server.on("request", async (request, response) => {
  // As many that register nobody: it is found by OpenID Connect's own document alone.
  const hidden = agents && !agents.registers && request.url.startsWith("/.well-known/oauth-");
  if (hidden) return response.writeHead(404).end();
  if (!request.url.startsWith("/login/")) return answers(request, response);
  const page = (status, text) => response.writeHead(status, { "content-type": "text/html" }).end(text);
  const interaction = await provider.interactionDetails(request, response).catch(() => {});
  if (interaction?.prompt.name === "consent") {
    if (request.method !== "POST") return page(200, ALLOW);
    return provider.interactionFinished(request, response, await allowed(interaction), { mergeWithLastSubmission: true });
  }
  const show = (wrong) => page(wrong ? 403 : 200, FORM(wrong));
  if (request.method !== "POST") return show(false);
  let body = "";
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const known = user(form.get("user"));
  if (!known || known.password !== form.get("password")) return show(true);
  await provider.interactionFinished(request, response, { login: { accountId: known.name } });
});
process.stdout.write(JSON.stringify({ issuer }) + "\n");
