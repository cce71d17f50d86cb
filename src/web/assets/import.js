// Import of an `.env` file: reads it here, shows what would become of each line, seals what is
// chosen. Only names, environments and sealed values are sent.
//
// What is there comes with the page (`data-there`): by object, its variable, whether it waits
// for a value, its mask, and when a new value is to be sealed.

import { readDotenv } from "./dotenv.js";
import { rulesOf } from "./rules.js";
import { calmly, filled, tell, whatOf, wordsOf } from "./said.js";
import { readSealingKey, sealWith } from "./seal.js";
import tables from "./tables.js";

const rules = rulesOf(tables);
const opened = performance.now();
const form = document.querySelector("form[data-import]");
const find = (selector) => document.querySelector(selector);
const data = (selector) => JSON.parse(form.querySelector(selector).textContent);
const words = wordsOf(form);
const { faults, says, maxFile, maxSent } = data("script[data-import-words]");
const there = data("script[data-there]");
const [paste, file, table] = [find("[data-paste]"), find("[data-file]"), find("[data-rows]")];
const [environmentField, all] = [find("[data-environment-field]"), find("[data-all]")];

/** What was read, and the rows that show it: entries with their tick boxes. */
let bundle = null;
let rows = [];
let isSealing = false;

function environment() {
  return environmentField.value.trim() || null;
}

function checkEnvironment() {
  const isGood = rules.checkEnvironment(environment());
  environmentField.setAttribute("aria-invalid", String(!isGood));
  tell(find("[data-environment-says]"), isGood ? [] : [["bad", says.environment]]);
  return isGood;
}

/** What would become of an entry, as `account::Change` has it. */
function changeOf({ name }) {
  const before = there[rules.objectName(name, environment())];
  if (!before) return "new";
  if (before.variable !== name) return "clashes";
  return before.waits ? "answers" : "replaces";
}

function noted(entry, change, before, recognised, isFit) {
  const notes = [];
  if (change === "clashes") notes.push(["bad", filled(says.clash, before)]);
  if (change === "replaces") notes.push(["plain", says.there]);
  const what = recognised && whatOf(words, recognised);
  if (!isFit) notes.push(["warn", filled(says.misfit, { what })]);
  else if (recognised) notes.push(["good", filled(words.recognised, { what })]);
  if (entry.note) notes.push(["plain", says[entry.note]]);
  if (change === "new" && rules.checkName(entry.name) === "saysNothing") {
    notes.push(["warn", words.name.saysNothing]);
  }
  const odd = rules.oddities(entry.name, environment(), entry.value);
  return [...notes, ...odd.map((code) => ["warn", words.value[code]])];
}

function show() {
  const isGood = checkEnvironment();
  find("[data-preview]").hidden = !bundle || !isGood || bundle.entries.length + bundle.invalid.length === 0;
  table.replaceChildren();
  rows = [];
  if (!bundle || !isGood) return;
  const lines = [
    ...bundle.entries.map((entry) => ({ line: entry.line, make: () => entryRow(entry) })),
    ...bundle.invalid.map((invalid) => ({ line: invalid.line, make: () => invalidRow(invalid) })),
  ];
  lines.sort((a, b) => a.line - b.line);
  table.append(...lines.map(({ make }) => make()));
  count();
}

function entryRow(entry) {
  const change = changeOf(entry);
  const before = there[rules.objectName(entry.name, environment())];
  const recognised = rules.recognise(entry.value);
  const isFit = rules.fits(entry.name, recognised);
  const tick = document.createElement("input");
  tick.type = "checkbox";
  tick.setAttribute("aria-label", filled(says.row, entry));
  tick.disabled = change === "clashes";
  // What replaces a value, or is under a name that is another's, wants to be asked for.
  tick.checked = isFit && (change === "new" || change === "answers");
  tick.addEventListener("change", count);
  rows.push({ entry, change, before, tick });
  const badge = change === "clashes" ? "bad" : change === "replaces" ? "warn" : "good";
  return row(tick, entry.name, entry.line, [badge, says[change]], before?.mask ?? "",
    noted(entry, change, before, recognised, isFit));
}

function invalidRow({ name, line, fault, first }) {
  return row(null, name ?? "", line, ["bad", says.invalid], "",
    [["bad", filled(faults[fault] ?? words.value[fault], { first })]]);
}

function row(tick, name, line, [badge, becomes], mask, notes) {
  const labels = table.dataset;
  const element = document.createElement("tr");
  const ticked = cell("td");
  if (tick) ticked.append(tick);
  // A line without a name has nothing to be called by.
  const head = name ? cell("th", "", code(name, "name")) : cell("td");
  if (name) head.scope = "row";
  const change = document.createElement("span");
  change.className = `badge ${badge}`;
  change.textContent = becomes;
  const note = cell("td", labels.labelNote);
  note.classList.add("says");
  tell(note, notes);
  element.append(ticked, head, cell("td", labels.labelLine, String(line)),
    cell("td", labels.labelBecomes, change), cell("td", labels.labelNow, mask && code(mask, "mask")), note);
  return element;
}

function cell(kind, label = "", content = "") {
  const element = document.createElement(kind);
  if (label) element.dataset.label = label;
  if (content) element.append(content);
  return element;
}

function code(text, kind) {
  const element = document.createElement("code");
  element.className = kind;
  element.textContent = text;
  return element;
}

const chosen = () => rows.filter(({ tick }) => tick.checked);

/** Says how many of which. */
function count() {
  const ticks = rows.filter(({ tick }) => !tick.disabled);
  const taken = chosen();
  all.checked = ticks.length > 0 && taken.length === ticks.length;
  all.indeterminate = taken.length > 0 && !all.checked;
  const of = (change) => taken.filter((row) => row.change === change).length;
  const invalid = bundle.invalid.length + rows.length - ticks.length;
  find("[data-summary]").textContent = filled(says.summary, {
    new: of("new"), answers: of("answers"), replaces: of("replaces"), invalid,
  });
  tell(find("[data-send-says]"), []);
}

function read(content, from) {
  bundle = readDotenv(content, rules);
  const isNothing = bundle.entries.length + bundle.invalid.length === 0;
  const lines = from ? [["plain", filled(says.fromFile, { file: from })]] : [];
  if (isNothing && (from || paste.value.trim() !== "")) lines.push(["warn", says.nothingFound]);
  tell(find("[data-says]"), lines);
  show();
}

async function readFile(chosenFile) {
  if (!chosenFile) return;
  paste.value = "";
  if (chosenFile.size > maxFile) return refuse(says.tooLargeFile);
  try {
    read(new Uint8Array(await chosenFile.arrayBuffer()), chosenFile.name);
  } catch {
    refuse(says.unreadable);
  }
}

function refuse(text) {
  bundle = null;
  tell(find("[data-says]"), [["bad", text]]);
  show();
}

/** What is sent, or a text that says why nothing is. */
async function sealed() {
  const taken = chosen();
  if (taken.length === 0) return says.nothingChosen;
  const count = Object.keys(there).length + taken.filter((row) => row.change === "new").length;
  const limit = rules.limits.secrets;
  if (count > limit) return filled(says.tooMany, { count, limit });
  const key = await readSealingKey(form.dataset.sealingKey);
  const { account } = form.dataset;
  const sent = [];
  for (const { entry, change, before } of taken) {
    const base = Number(before?.sealedAt ?? form.dataset.sealedAt) * 1000;
    const sealedAt = Math.floor(base + performance.now() - opened);
    const place = { variable: entry.name, environment: environment() };
    sent.push({
      ...place,
      sealed: await sealWith(key, { account, ...place, value: entry.value, sealedAt }),
      sealedAt: new Date(sealedAt).toISOString(),
      overwrite: change === "replaces",
    });
  }
  // As long as the form makes it: quotation marks and the like become three characters.
  const text = JSON.stringify(sent);
  const length = text.length + 2 * (text.match(/[^A-Za-z0-9_.*-]/g)?.length ?? 0);
  if (length > maxSent) return says.tooMuch;
  form.elements.namedItem("rows").value = text;
  return null;
}

form.addEventListener("submit", async (event) => {
  if (form.elements.namedItem("rows").value !== "") return;
  event.preventDefault();
  if (isSealing || !bundle || !checkEnvironment()) return;
  isSealing = true;
  const where = find("[data-send-says]");
  tell(where, [["plain", says.sealing]]);
  try {
    const why = await sealed();
    if (why) return tell(where, [["bad", why]]);
    // None of these has a name: this is for what stays in the page, not for what is sent.
    paste.value = "";
    file.value = "";
    bundle = null;
    rows = [];
    // The first event may still be under way, and then no other is heard.
    await new Promise((resolve) => setTimeout(resolve));
    form.requestSubmit();
  } catch (error) {
    tell(where, [["bad", words.failed[error.code] ?? words.failed.other]]);
  } finally {
    isSealing = false;
  }
});

// Only the button sends: an Enter in a field is no choice.
environmentField.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault();
});
all.addEventListener("change", () => {
  for (const { tick } of rows) if (!tick.disabled) tick.checked = all.checked;
  count();
});
paste.addEventListener("input", calmly(() => {
  file.value = "";
  read(paste.value, null);
}));
file.addEventListener("change", () => readFile(file.files[0]));
environmentField.addEventListener("input", calmly(show));
// Wherever a file is dropped it is read: the browser would open it in place of the page.
const drop = find("[data-drop]");
const isFile = (event) => event.dataTransfer?.types.includes("Files") ?? false;
document.addEventListener("dragover", (event) => {
  if (!isFile(event)) return;
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  // Only out of the window there is nothing that it goes to.
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  drop.classList.remove("over");
  if (!isFile(event)) return;
  event.preventDefault();
  readFile(event.dataTransfer.files[0]);
});
// Browsers keep pages that were left, some of them on disk.
addEventListener("pagehide", () => {
  [paste.value, file.value, bundle] = ["", "", null];
});
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  form.elements.namedItem("rows").value = "";
  show();
});
