// The page's words for codes: the server writes them into a data block, in the language of
// whoever asks, so that no text of the script itself is ever shown.

/** Reads `<script type="application/json" data-words>`. */
export function wordsOf(root) {
  return JSON.parse(root.querySelector("script[data-words]").textContent);
}

/** A text with `{name}` replaced by what is given. */
export function filled(text, also) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => also[name] ?? whole);
}

/** What a value was recognised as, in words: `Stripe live secret key`. */
export function whatOf(words, { provider, kind, mode }) {
  return words.types[[provider, kind, mode].join("|")] ?? kind;
}

/** Fills an element with lines: `[class, text]`. Where nothing is new, nothing is touched. */
export function tell(element, lines) {
  const next = JSON.stringify(lines);
  if (!element || element.dataset.told === next) return;
  element.dataset.told = next;
  element.replaceChildren(...lines.map(([kind, text]) => {
    const line = document.createElement("span");
    line.className = `line ${kind}`;
    line.textContent = text;
    return line;
  }));
}

/** A short time after the last of many calls. */
export function calmly(act, after = 250) {
  let waits;
  return () => {
    clearTimeout(waits);
    waits = setTimeout(act, after);
  };
}
