// A form with a value: checks what is typed, and seals the value before anything is sent.
// Used by every page where somebody hands one in.
//
//   <form method="post" data-seal
//         data-account="acme"            the namespace
//         data-sealing-key="kliv1-key.…" the cluster's public key
//         data-sealed-at="1796000000"    seconds: `account::sealed_at_least`
//         data-variable="STRIPE_KEY"     where it is fixed (update, answer) …
//         data-environment="production"> … with its environment; without this attribute: none
//     <input name="name" data-name>            where it is typed (add) …
//     <p class="says" data-name-says aria-live="polite"></p>
//     <input name="environment">               … or a select; empty: none
//     <input type="password" data-value>       WITHOUT A NAME: it can never be submitted
//     <p class="says" data-value-says aria-live="polite"></p>
//     <input type="hidden" name="sealed">      gets kliv1.…
//     <input type="hidden" name="sealedAt">    gets the time inside, RFC 3339 (`SealedAt::read`)
//     <p class="says" data-says role="alert"></p>  why nothing was sent
//     {% call m::typing(frame) %}{% endcall %}  the words, `words/typing.rs`
//     <script type="application/json" data-taken>["openai-api-key"]  optional: objects there
//   </form>
//
// - A `data-value` that is disabled (generate instead) is emptied, and the form goes as it is.
// - One that is empty goes unsealed unless it is `required`; then it is asked for.
// - A text of several lines, pasted, turns the field into a textarea: an input would drop the
//   line breaks.
// - What else is wrong with the form is said before the value is sealed: the server would send
//   the form back without it.
// - A value whose type does not fit the name needs a tick in a box that appears.
// - The time is the server's and goes on here, so the person's clock does not matter.

import { rulesOf } from "./rules.js";
import { calmly, filled, tell, whatOf, wordsOf } from "./said.js";
import { seal } from "./seal.js";
import tables from "./tables.js";

const rules = rulesOf(tables);
const opened = performance.now();
/** Shorter texts are found by chance; as the front door has it. */
const SHORTEST = 8;

/** Of the other fields, by name: whether the server takes what was typed. */
const takes = {
  environment: rules.checkEnvironment,
  description: (text) => [...text].length <= rules.limits.description,
  rotateAfter: (text) => /^[0-9]+$/.test(text) && Number(text) >= 1 && Number(text) <= rules.limits.days,
  expires: (text) => /^[0-9]{4}-/.test(text),
};

/** Watches one form. */
function watch(form) {
  const words = wordsOf(form);
  const taken = new Set(JSON.parse(form.querySelector("script[data-taken]")?.textContent ?? "[]"));
  const name = form.querySelector("[data-name]");
  const find = (selector) => form.querySelector(selector);
  const valueField = () => find("[data-value]");
  let isSealing = false;
  let isSealed = false;
  let confirmed = null;
  let left = null;

  const variable = () => form.dataset.variable ?? name.value.trim();
  function environment() {
    if (form.dataset.variable !== undefined) return form.dataset.environment ?? null;
    return form.elements.namedItem("environment")?.value.trim() || null;
  }

  function nameSays() {
    if (!name) return null;
    const code = rules.checkName(variable());
    if (code && code !== "saysNothing") return code;
    return taken.has(rules.objectName(variable(), environment())) ? "taken" : code;
  }

  function checkName(isAsked) {
    if (!name) return true;
    const code = nameSays();
    const refuses = code !== null && code !== "saysNothing";
    const isShown = code !== null && (code !== "empty" || isAsked);
    name.setAttribute("aria-invalid", String(refuses && isShown));
    tell(find("[data-name-says]"), isShown ? [[refuses ? "bad" : "warn", words.name[code]]] : []);
    return !refuses;
  }

  function checkValue(isAsked) {
    const field = valueField();
    const value = field.disabled ? "" : field.value;
    const lines = [];
    const code = value === "" ? null : rules.checkValue(value);
    const isMissing = value === "" && !field.disabled && field.required && isAsked;
    const recognised = rules.recognise(value);
    if (isMissing) lines.push(["bad", words.value.empty]);
    if (code) lines.push(["bad", words.value[code]]);
    if (recognised) lines.push(["good", filled(words.recognised, { what: whatOf(words, recognised) })]);
    if (value !== "") {
      for (const odd of rules.oddities(variable(), environment(), value)) {
        lines.push(["warn", words.value[odd]]);
      }
    }
    field.setAttribute("aria-invalid", String(isMissing || code !== null));
    tell(find("[data-value-says]"), lines);
    askTwice(value !== "" && !rules.fits(variable(), recognised) ? recognised : null);
    return !isMissing && code === null;
  }

  /** The first other field with something wrong in it, or null. */
  function checkOthers() {
    let first = null;
    for (const [name, isTaken] of Object.entries(takes)) {
      const field = form.elements.namedItem(name);
      if (!field) continue;
      const text = field.value.trim();
      // A date that is typed in part has no value yet.
      const isWrong = field.validity.badInput || text !== "" && !isTaken(text);
      field.setAttribute("aria-invalid", String(isWrong));
      tell(document.getElementById(`${field.id}-says`), isWrong ? [["bad", words.field[name]]] : []);
      if (isWrong) first ??= field;
    }
    return first;
  }

  /** The box to tick where a value does not belong under the name. */
  function askTwice(recognised) {
    const asked = recognised && JSON.stringify([variable(), recognised]);
    if (asked === (confirmed?.asked ?? null)) return;
    confirmed?.box.remove();
    confirmed = null;
    if (!recognised) return;
    const box = document.createElement("p");
    box.className = "note warn";
    box.id = "unfit";
    const label = document.createElement("label");
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.id = "confirm";
    const what = whatOf(words, recognised);
    label.append(tick, ` ${filled(words.misfit, { what, name: variable() })}`);
    box.append(label);
    find("[data-value-says]").after(box);
    confirmed = { asked, box, tick };
  }

  /** A field that holds the value as well, or another: it is sent and stored as it is. */
  function holdsCredential() {
    const field = valueField();
    const value = field.disabled ? "" : field.value.trim();
    const holds = (text) => (value.length >= SHORTEST && text.includes(value))
      || text.split(/\s+/).some((word) => rules.recognise(word) !== null);
    const others = Array.from(form.elements).filter((other) =>
      other !== field && ["text", "textarea"].includes(other.type));
    return others.find((other) => holds(other.value)) ?? null;
  }

  function isReady() {
    const isNamed = checkName(true);
    const isGiven = checkValue(true);
    const other = checkOthers();
    const wrong = !isNamed ? name : !isGiven ? valueField() : other;
    const copy = wrong ? null : holdsCredential();
    if (copy) {
      tell(find("[data-says]"), [["bad", words.elsewhere]]);
      copy.focus();
      return false;
    }
    if (!wrong && confirmed && !confirmed.tick.checked) {
      tell(find("[data-says]"), [["bad", words.unconfirmed]]);
      confirmed.tick.focus();
      return false;
    }
    wrong?.focus();
    return !wrong;
  }

  form.addEventListener("submit", async (event) => {
    if (isSealed) return;
    event.preventDefault();
    if (isSealing || !isReady()) return;
    const field = valueField();
    const [sealed, time] = [form.elements.namedItem("sealed"), form.elements.namedItem("sealedAt")];
    const sealedAt = Math.floor(Number(form.dataset.sealedAt) * 1000 + performance.now() - opened);
    isSealing = true;
    try {
      if (!field.disabled && field.value !== "") {
        sealed.value = await seal({
          sealingKey: form.dataset.sealingKey,
          account: form.dataset.account,
          variable: variable(),
          environment: environment(),
          value: field.value,
          sealedAt,
        });
        time.value = new Date(sealedAt).toISOString();
      }
      if (name) name.value = variable();
      field.value = "";
      tell(find("[data-says]"), []);
      // Where browsers seal at once, the event may still be under way, and no other is heard.
      await new Promise((resolve) => setTimeout(resolve));
      isSealed = true;
      // Where it is `required`, the browser would ask for it again.
      left = field.disabled ? null : field;
      field.disabled = true;
      form.requestSubmit(event.submitter);
    } catch (error) {
      tell(find("[data-says]"), [["bad", words.failed[error.code] ?? words.failed.other]]);
    } finally {
      isSealing = false;
    }
  });

  // The page may come back as it was left.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isSealed = false;
    for (const hidden of ["sealed", "sealedAt"]) form.elements.namedItem(hidden).value = "";
    if (left) left.disabled = false;
  });

  form.addEventListener("paste", (event) => {
    const field = event.target;
    if (!field.matches?.("input[data-value]")) return;
    const text = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n");
    if (!text.replace(/\n$/, "").includes("\n")) return;
    event.preventDefault();
    severalLines(field).value = text;
    checkValue(false);
  });

  const soon = calmly(() => {
    checkName(false);
    checkValue(false);
    checkOthers();
  });
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  // What the server says of a field stays until somebody types.
  if (!find('[aria-invalid="true"]')) soon();
}

/** A textarea in the place of an input. */
function severalLines(field) {
  const area = document.createElement("textarea");
  for (const { name, value } of field.attributes) {
    if (name !== "type" && name !== "value") area.setAttribute(name, value);
  }
  area.classList.add("masked");
  area.spellcheck = false;
  field.replaceWith(area);
  area.focus();
  return area;
}

for (const form of document.querySelectorAll("form[data-seal]")) watch(form);
