// How a client of these SDKs gets a token: what it would keep on its machine is kept here, and
// the page that it would open is the test's to visit: `{ opens }`, answered by `{ callback }`,
// where the person was sent back to.

import { read, say } from "./lines.mjs";

/** An SDK's `OAuthClientProvider`. `client` is known to the provider already, where there is one. */
export class SignIn {
  #name;
  #redirect;
  #client;
  #tokens;
  #discovered;
  #verifier;
  #state;
  #opens;

  constructor(name, { redirect, client }) {
    this.#name = name;
    this.#redirect = redirect;
    if (client) this.#client = { client_id: client };
  }

  get redirectUrl() {
    return this.#redirect;
  }

  get clientMetadata() {
    return {
      client_name: this.#name,
      redirect_uris: [this.#redirect],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  state = () => (this.#state = crypto.randomUUID());
  clientInformation = () => this.#client;
  saveClientInformation = (client) => void (this.#client = client);
  tokens = () => this.#tokens;
  saveTokens = (tokens) => void (this.#tokens = tokens);
  discoveryState = () => this.#discovered;
  saveDiscoveryState = (discovered) => void (this.#discovered = discovered);
  codeVerifier = () => this.#verifier;
  saveCodeVerifier = (verifier) => void (this.#verifier = verifier);
  redirectToAuthorization = (url) => void (this.#opens = String(url));

  invalidateCredentials(what) {
    if (what === "all" || what === "client") this.#client = undefined;
    if (what === "all" || what === "tokens") this.#tokens = undefined;
    if (what === "all" || what === "discovery") this.#discovered = undefined;
  }

  /** From now on it has these, too; null takes one away. */
  holds(tokens) {
    const all = Object.entries({ ...this.#tokens, ...tokens });
    this.#tokens = Object.fromEntries(all.filter(([, token]) => token !== null));
  }

  /** Does something, and once more where a person had to be sent to a page: `finish` takes what he came back with. */
  async through(act, finish) {
    try {
      return await act();
    } catch (error) {
      if (!this.#opens) throw error;
    }
    const opens = this.#opens;
    this.#opens = undefined;
    say({ opens });
    const came = new URL((await read()).callback).searchParams;
    if (came.get("state") !== this.#state) throw new Error("another's sign-in");
    await finish(came);
    return await act();
  }
}
