// What is said while somebody types: of a name, of a value, and whether they fit. Codes only;
// the page has the words. The tables are Rust's own (`tables.js`, made by `web/rules.rs`).

import { byteLength, parseSealed } from "./seal.js";

/** Reads the tables. */
export function rulesOf(tables) {
  const { limits, reserved, credentials, belongs, environments, placeholders } = tables;
  const meaningless = new Set(tables.sayNothing);
  const wholes = new Set(placeholders.whole);
  // The longest beginning that fits wins.
  const longestFirst = credentials.toSorted((a, b) => b.begins.length - a.begins.length);

  /** Whether this is a variable's name, reserved or not. */
  function isWellFormed(name) {
    return name.length <= limits.name && /^[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?$/.test(name);
  }

  function isReserved(name) {
    const capitals = upper(name);
    return reserved.names.includes(capitals)
      || reserved.prefixes.some((prefix) => capitals.startsWith(prefix));
  }

  /** A name made only of words that fit every credential. */
  function saysNothing(name) {
    return byteLength(name) <= 2 || upper(name).split("_").every((word) => {
      const bare = word.replace(/[0-9]+$/, "");
      return bare === "" || meaningless.has(bare);
    });
  }

  /**
   * The first thing that there is to say of a name: `empty`, `looksLikeValue`, `tooLong`,
   * `notAName`, `reserved`, `saysNothing`, or null. All but the last refuse it.
   */
  function checkName(name) {
    if (name === "") return "empty";
    if (name.includes("=") || recognise(name)) return "looksLikeValue";
    if (byteLength(name) > limits.name) return "tooLong";
    if (!isWellFormed(name)) return "notAName";
    if (isReserved(name)) return "reserved";
    return saysNothing(name) ? "saysNothing" : null;
  }

  /** Whether an environment can be called so; null is none. */
  function checkEnvironment(name) {
    return name === null || /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name);
  }

  /** What a value plainly is, by how it begins: `{ provider, kind, mode }`, or null. */
  function recognise(value) {
    const text = trim(value);
    const row = longestFirst.find(({ begins, rest }) =>
      text.startsWith(begins) && follows(rest, text.slice(begins.length)));
    return row ? { provider: row.provider, kind: row.kind, mode: row.mode } : null;
  }

  /** Whether a credential belongs under a name: a Stripe key does not under ANALYTICS_TOKEN. */
  function fits(name, recognised) {
    if (!recognised) return true;
    const label = recognised.provider || recognised.kind;
    const row = belongs.rows.find(({ what }) => what === label);
    if (!row) return true;
    const capitals = upper(name);
    const parts = capitals.split("_").flatMap((part) => [part, part.replace(/[0-9]+$/, "")]);
    const has = (words) => words.some((word) =>
      word.length >= belongs.anywhere ? capitals.includes(word) : parts.includes(word));
    if (has(row.called) || saysNothing(name)) return true;
    const isPlace = recognised.kind.endsWith("URL");
    const isAnothers = () => has(belongs.others) || belongs.rows.some(({ called }) => has(called));
    return has(row.usedFor) && (isPlace || !isAnothers());
  }

  /** `testKeyInProduction`, `liveKeyOutsideProduction`, or null. */
  function wrongSide(environment, recognised) {
    const words = environment.split("-").flatMap((word) => [word, word.replace(/[0-9]+$/, "")]);
    const has = (some) => words.some((word) => some.includes(word));
    const [isTest, isProduction] = [has(environments.test), has(environments.production)];
    if (has(environments.not) || isTest === isProduction) return null;
    if (isTest) return recognised?.mode === "live" ? "liveKeyOutsideProduction" : null;
    return recognised?.mode === "test" ? "testKeyInProduction" : null;
  }

  /** `lineBreak` or `whiteSpace` at the ends, or null. */
  function whiteSpace(value) {
    if (trim(value) === value) return null;
    let end = value.length;
    while (value[end - 1] === "\r" || value[end - 1] === "\n") end -= 1;
    const line = value.slice(0, end);
    return trim(line) === line ? "lineBreak" : "whiteSpace";
  }

  function isPlaceholder(variable, value) {
    const text = trim(value);
    const small = text.toLowerCase();
    const bytes = byteLength(text);
    const isEnclosed = placeholders.enclosed
      .some(([open, close]) => small.startsWith(open) && small.endsWith(close));
    const letters = small.replace(/[^A-Za-z0-9]+/g, "");
    return wholes.has(small)
      || isEnclosed && bytes <= 64 && !/["']/.test(text)
      || bytes >= 3 && /^[xX*._-]*$/.test(text)
      || bytes <= 64 && placeholders.parts.some((part) => letters.includes(part))
      || lower(text.replace(/^\$+/, "")) === lower(variable);
  }

  function isQuoted(value) {
    const text = trim(value);
    return byteLength(text) >= 3
      && ["\"", "'", "`"].some((quote) => text.startsWith(quote) && text.endsWith(quote));
  }

  /**
   * What is odd about a value, as codes: `lineBreak`, `whiteSpace`, `liveKeyOutsideProduction`,
   * `testKeyInProduction`, `placeholder`, `quoted`. It is taken all the same.
   */
  function oddities(variable, environment, value) {
    const odd = [whiteSpace(value)];
    if (environment !== null) odd.push(wrongSide(environment, recognise(value)));
    if (isPlaceholder(variable, value)) odd.push("placeholder");
    if (isQuoted(value)) odd.push("quoted");
    return odd.filter((code) => code !== null);
  }

  /**
   * Why a value can't be one: `empty`, `tooLarge`, `nul`, `notText`, `sealed`, or null. The
   * order is that of `account/bundle.rs`.
   */
  function checkValue(value) {
    if (value === "") return "empty";
    if (byteLength(value) > limits.value) return "tooLarge";
    if (value.includes("\0")) return "nul";
    if (/\p{Surrogate}/u.test(value)) return "notText";
    return isSealed(trim(value)) ? "sealed" : null;
  }

  /** The name of the KlivSecret of a variable; two that share it can't both be there. */
  function objectName(variable, environment = null) {
    const name = lower(variable).replaceAll("_", "-");
    return environment === null ? name : `${name}.${environment}`;
  }

  return {
    limits, checkName, checkEnvironment, checkValue, recognise, fits, oddities, isWellFormed, isReserved, objectName,
  };
}

function follows(rest, text) {
  switch (rest.is) {
    case "any": return true;
    case "long": return byteLength(text) >= rest.least && !/\p{White_Space}/u.test(text);
    case "hex": return text.length === rest.exactly && /^[0-9A-Fa-f]*$/.test(text);
    case "capitals": return text.length === rest.exactly && /^[A-Z0-9]*$/.test(text);
    case "words": return text.includes(rest.words);
    default: return false;
  }
}

function isSealed(text) {
  try {
    return Boolean(parseSealed(text));
  } catch {
    return false;
  }
}

/** White space as Unicode has it, which is what Rust takes away; `trim()` has another list. */
function trim(text) {
  const first = text.search(/\P{White_Space}/u);
  if (first < 0) return "";
  let end = text.length;
  while (/\p{White_Space}/u.test(text[end - 1])) end -= 1;
  return text.slice(first, end);
}

// Only A to Z: other letters have no part in names.
const upper = (text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
