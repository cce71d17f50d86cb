// `.env` files: `NAME=value`, one a line. The same as `account/dotenv.rs` and `bundle.rs`, word
// for word of `docs/env-files.md`: where programs differ about a line, it is refused. Nothing is
// ever substituted. What is wrong is told by line and as a code, never with text of the file;
// a name that is none may be a value, so it isn't told.

/**
 * @param {Uint8Array|string} file
 * @param {object} rules what `rulesOf` gives
 * @returns {{entries: {name: string, line: number, value: string, note: ?string}[],
 *            invalid: {line: number, name: ?string, fault: string, first?: number}[]}}
 */
export function readDotenv(file, rules) {
  const bundle = { entries: [], invalid: [] };
  const refuse = (line, name, fault, also) => bundle.invalid.push({
    line, name: name !== null && rules.isWellFormed(name) ? name : null, fault, ...also,
  });
  const text = decoded(file, refuse);
  let rest = text ?? "";
  let line = 1;
  while (rest !== "") {
    const { length, found } = statement(rest);
    if (found) {
      const fault = found.fault ?? judge(found.name, found.value, rules);
      if (fault) refuse(line, found.name, fault);
      else bundle.entries.push({ name: found.name, line, value: found.value, note: found.note });
    }
    line += newlines(rest.slice(0, length));
    rest = rest.slice(length);
  }
  dropDoubles(bundle, rules, refuse);
  return bundle;
}

function decoded(file, refuse) {
  if (typeof file === "string") return withoutMark(file);
  if (file[0] === 0xff && file[1] === 0xfe || file[0] === 0xfe && file[1] === 0xff) {
    refuse(1, null, "utf16");
    return null;
  }
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return withoutMark(decoder.decode(file));
  } catch {
    refuse(brokenLine(file, decoder), null, "notUtf8");
    return null;
  }
}

/** The first line that is no UTF-8: a line's end is never a part of a longer character. */
function brokenLine(file, decoder) {
  let start = 0;
  for (let line = 1; ; line += 1) {
    const end = file.indexOf(0x0a, start);
    try {
      decoder.decode(end < 0 ? file.subarray(start) : file.subarray(start, end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    start = end + 1;
  }
}

const withoutMark = (text) => text.startsWith("\ufeff") ? text.slice(1) : text;

/** Why what was found can't be a secret. */
function judge(name, value, rules) {
  if (!rules.isWellFormed(name)) return "name";
  if (rules.isReserved(name)) return "reserved";
  return rules.checkValue(value);
}

/** Of two for one KlivSecret neither is taken: nobody knows which was meant. */
function dropDoubles(bundle, rules, refuse) {
  const first = new Map();
  const doubles = new Set();
  for (const { name, line } of bundle.entries) {
    const object = rules.objectName(name);
    if (first.has(object)) {
      refuse(line, name, "twice", { first: first.get(object) });
      doubles.add(object);
    } else {
      first.set(object, line);
    }
  }
  bundle.entries = bundle.entries.filter(({ name }) => !doubles.has(rules.objectName(name)));
  bundle.invalid.sort((a, b) => a.line - b.line);
}

/** The statement that a text begins with, and its length with the line's end. */
function statement(text) {
  const { line, length } = firstLine(text);
  const start = trimStart(line);
  if (start === "" || start.startsWith("#")) return { length, found: null };
  const equals = line.indexOf("=");
  if (equals < 0) return { length, found: { name: "", fault: "noEquals" } };
  const name = withoutExport(trimBlanks(line.slice(0, equals)));
  const after = line.slice(equals + 1);
  const value = trimStart(after);
  const at = line.length - value.length;
  const isTabbed = after.slice(0, after.length - value.length).includes("\t");

  if (value.startsWith("'") || value.startsWith("\"")) {
    const read = quoted(text.slice(at));
    const found = isTabbed ? { fault: "blank" } : read.found;
    return { length: at + read.length, found: { name, ...found } };
  }
  if (value.startsWith("-----BEGIN ") && !value.includes("-----END ")) {
    const end = text.indexOf("-----END ");
    const whole = end < 0 ? length : end + firstLine(text.slice(end)).length;
    return { length: whole, found: { name, fault: "pem" } };
  }
  const read = unquoted(value);
  if (read.fault) return { length, found: { name, fault: read.fault } };
  // Such a name may be the end of a key that lacks its quotation marks.
  if (/^=*$/.test(read.value)) return { length, found: { name: "", fault: "empty" } };
  if (isTabbed) return { length, found: { name, fault: "blank" } };
  const note = mentionsAnother(read.value) ? "dollar" : null;
  return { length, found: { name, value: read.value, note } };
}

/** The value on the rest of a line. */
function unquoted(text) {
  const hash = text.indexOf("#");
  if (hash >= 0 && !text.slice(0, hash).endsWith(" ")) return { fault: "hash" };
  const value = trimEnd(hash < 0 ? text : text.slice(0, hash), " ");
  if (/^\p{White_Space}|\p{White_Space}$/u.test(value)) return { fault: "blank" };
  if (value.startsWith("`")) return { fault: "backtick" };
  if (/[^\P{Cc}\t]/u.test(value)) return { fault: "control" };
  return { value };
}

/**
 * The value between quotation marks that a text begins with, and its length with the rest of
 * its last line. Where nobody can say where it ends, that is the whole text.
 */
function quoted(text) {
  const isSingle = text.startsWith("'");
  const { close, fault } = isSingle ? singleClose(text) : doubleClose(text);
  if (fault) return { length: text.length, found: { fault } };
  const { line: tail, length } = firstLine(text.slice(close + 1));
  const comment = trimStart(tail);
  const inner = text.slice(1, close);
  let found;
  if (comment !== "" && !comment.startsWith("#")) found = { fault: "afterQuote" };
  else if (isSingle) found = { value: inner.replaceAll("\r\n", "\n"), note: null };
  else found = unescaped(inner);
  return { length: close + 1 + length, found };
}

function singleClose(text) {
  const close = text.indexOf("'", 1);
  if (close < 0) return { fault: "unclosed" };
  return text[close - 1] === "\\" ? { fault: "quoteEscaped" } : { close };
}

function doubleClose(text) {
  let isEscaped = false;
  for (let at = 1; at < text.length; at += 1) {
    if (isEscaped) isEscaped = false;
    else if (text[at] === "\\") isEscaped = true;
    else if (text[at] === "\"") return { close: at };
  }
  return { fault: "unclosed" };
}

function unescaped(text) {
  let value = "";
  let note = null;
  let rest = text;
  for (;;) {
    const at = rest.search(/[\\\r$]/);
    if (at < 0) return { value: value + rest, note };
    value += rest.slice(0, at);
    rest = rest.slice(at);
    const two = rest.slice(0, 2);
    if (two === "\r\n" || two === "\\n") {
      value += "\n";
      rest = rest.slice(2);
    } else if (two === "\\\"" || two === "\\\\" || two === "\\$") {
      value += two[1];
      rest = rest.slice(2);
    } else if (rest[0] === "\\") {
      return { fault: "escape" };
    } else {
      if (mentionsAnother(rest)) note = "dollar";
      value += rest[0];
      rest = rest.slice(1);
    }
  }
}

/** Whether other programs would see `$NAME`, `${…}`, `$(…)` or a `$` written `$$` in it. */
const mentionsAnother = (text) => /\$[A-Za-z0-9_{($]/.test(text);

/** `export NAME` is as good as `NAME`, so that a shell can read the file too. */
function withoutExport(name) {
  return name.replace(/^export[ \t]+/, "");
}

/** The first line without its end, and its length with it. */
function firstLine(text) {
  const end = text.indexOf("\n");
  const line = (end < 0 ? text : text.slice(0, end)).replace(/\r$/, "");
  return { line, length: end < 0 ? text.length : end + 1 };
}

const trimStart = (text) => text.replace(/^[ \t]+/, "");
const trimBlanks = (text) => trimEnd(trimStart(text), " \t");

// A loop: the regular expression would take the square of a long run's time.
function trimEnd(text, signs) {
  let end = text.length;
  while (end > 0 && signs.includes(text[end - 1])) end -= 1;
  return text.slice(0, end);
}
const newlines = (text) => text.split("\n").length - 1;
