// Where things are on the pages: by id, name and `data-…`, never by words, which there are in
// two languages. A page that changes costs a line here.

const name = (name) => `[name="${name}"]`;

export const at = {
  // Every page.
  title: "main h1",
  who: ".who b",
  language: 'form[action="/language"] button',
  signOut: 'form[action="/sign-out"] button',
  done: 'main [role="status"].done',
  alert: 'main [role="alert"]',

  signIn: {
    token: "#token",
    byToken: 'form[action="/sign-in/token"] button',
    byProvider: 'a[href="/sign-in/oidc"]',
  },
  provider: { user: name("user"), password: name("password"), submit: "button" },

  secrets: {
    row: (object) => `#secret-${css(object)}`,
    rows: "#secrets > tr[id^=secret-]",
    add: 'main a[href$="/new"]',
    search: "#q",
  },
  form: {
    all: "form[data-seal]",
    name: "#name",
    environment: "#environment",
    value: "[data-value]",
    unfit: "#confirm",
    confirm: "#confirm",
    description: "#description",
    save: "form[data-seal] .bar button",
    generate: "#source-generate",
    wrong: '[aria-invalid="true"]',
  },
  secret: {
    update: 'main a[href$="/update"]',
    delete: 'main a[href$="/delete"]',
    facts: "#facts",
    functions: "#functions",
    backTo: (number) => `#back-to-${number}`,
    backSure: (number) => `#back-${number} form button`,
    writes: 'main form[method="post"], main a[href$="/update"], main a[href$="/delete"], main a[href$="/new"]',
  },
  delete: { name: "#name", confirm: "form[data-undo] button", undo: "#undo-button" },
  import: {
    paste: "[data-paste]",
    rows: "[data-rows] > tr",
    choose: "input[type=checkbox]",
    go: "[data-send]",
    form: "form[data-import]",
    sent: "[name=rows]",
    failed: "tbody th code",
  },
  requests: { one: (object) => `#request-${css(object)}`, all: "li[id^=request-]" },
  request: {
    purpose: "dd.untrusted",
    refuse: "#refuse summary",
    refuseSure: "#refuse form button",
    toDelete: 'main a.danger[href$="/delete"]',
    keep: 'main form[action*="/requests/"] > .bar button',
  },
  audit: { events: "#events > tr", chain: "#chain" },
};

// What CSS reads otherwise than as a part of an id.
const css = (text) => text.replace(/[^A-Za-z0-9_-]/g, (sign) => `\\${sign}`);

/** The pages of an account, by what they are called in tests. */
export function pages({ account, secret, request, rotation, deletion }) {
  const of = (path) => `/accounts/${account}${path}`;
  return {
    accounts: "/",
    secrets: of(""),
    add: of("/new"),
    secret: of(`/secrets/${secret}`),
    update: of(`/secrets/${secret}/update`),
    delete: of(`/secrets/${secret}/delete`),
    import: of("/import"),
    environments: of("/environments"),
    requests: of("/requests"),
    ...(request ? { request: of(`/requests/${request}`) } : {}),
    ...(rotation ? { "request-rotation": of(`/requests/${rotation}`) } : {}),
    ...(deletion ? { "request-deletion": of(`/requests/${deletion}`) } : {}),
    audit: of("/audit"),
    health: "/health",
  };
}

/** Signs in, in one of the ways that a server offers; `how`: `{ link } | { token } | { user, password }`. */
export async function signIn(page, origin, how) {
  if (how.link) {
    await page.goto(how.link);
  } else {
    await page.goto(`${origin}/sign-in`);
    if (how.token) {
      await page.fill(at.signIn.token, how.token);
      await page.click(at.signIn.byToken);
    } else {
      await byProvider(page, how);
    }
  }
  await page.waitForURL((url) => url.origin === origin && !url.pathname.startsWith("/sign-in"));
  await page.waitForSelector(at.who);
}

/** From the page of the sign-in to the provider, and back. */
export async function byProvider(page, { user, password }) {
  await page.click(at.signIn.byProvider);
  await page.fill(at.provider.user, user);
  await page.fill(at.provider.password, password);
  await page.click(at.provider.submit);
}

/** Types a new secret and saves it, whichever form it is. */
export async function save(page, { name, environment, value, description }) {
  if (name) await page.fill(at.form.name, name);
  if (environment) await page.fill(at.form.environment, environment);
  if (description) await page.fill(at.form.description, description);
  await page.fill(at.form.value, value);
  await page.click(at.form.save);
  if (await page.isVisible(at.form.unfit)) {
    await page.check(at.form.confirm);
    await page.click(at.form.save);
  }
}
