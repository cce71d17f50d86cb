// What both sides are asked in tests of agreement. Nothing here knows Node or a page: the
// module under test is handed in, so that the same runs in a browser.

/** One job of `tests/cluster/web_seal.rs`. */
export async function answer(modules, { kind, job }) {
  return { seal: sealAll, open: openAll, say: sayAll, dotenv: readAll }[kind](modules, job);
}

/** Seals each of `cases`: `{ account, variable, environment, value, sealedAt }`. */
export async function sealAll({ seal }, { sealingKey, cases }) {
  const texts = [];
  for (const one of cases) texts.push(await seal({ sealingKey, ...one }));
  return texts;
}

/** Opens each of `cases`, `{ account, variable, environment, sealed }`, with `lib/open.mjs`. */
export async function openAll({ open, readKeyring }, { keyring: lines, cases }) {
  const keyring = await readKeyring(lines);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const opened = [];
  for (const one of cases) {
    const { value, sealedAt } = await open(keyring, one, one.sealed);
    opened.push({ value: decoder.decode(value), sealedAt });
  }
  return opened;
}

/** What is said of names, values, and values for a place. */
export function sayAll({ rulesOf }, { tables, names, values, places }) {
  const rules = rulesOf(tables);
  return {
    names: names.map((name) => rules.checkName(name)),
    values: values.map((value) => [rules.recognise(value), rules.checkValue(value)]),
    places: places.map(({ variable, environment, value }) => [
      rules.fits(variable, rules.recognise(value)),
      rules.oddities(variable, environment, value),
      rules.objectName(variable, environment),
    ]),
  };
}

/** What is read from `.env` files, given in hexadecimal digits. */
export function readAll({ readDotenv, rulesOf }, { tables, files }) {
  const rules = rulesOf(tables);
  return files.map((hex) => readDotenv(bytesOf(hex), rules));
}

function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
