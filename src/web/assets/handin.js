// Around a value's field (`form.js`): hidden or shown, one line or several, typed or made.
//
//   <button type="button" data-show data-other="Hide">Show</button>
//   <input type="checkbox" data-many-lines>
//   <input type="radio" name="source" value="generate">  optional: the field is not needed then

function watch(form) {
  const find = (selector) => form.querySelector(selector);
  const field = () => find("[data-value]");
  const isArea = () => field().localName === "textarea";
  const button = find("[data-show]");
  const manyLines = find("[data-many-lines]");
  const generate = find('[name="source"][value="generate"]');
  let isShown = false;

  function show() {
    if (isArea()) field().classList.toggle("masked", !isShown);
    else field().type = isShown ? "text" : "password";
  }

  button.addEventListener("click", () => {
    isShown = !isShown;
    [button.textContent, button.dataset.other] = [button.dataset.other, button.textContent];
    show();
  });

  manyLines.addEventListener("change", () => {
    const before = field();
    // An input would drop the line breaks.
    if (before.value.includes("\n")) manyLines.checked = true;
    if (manyLines.checked === isArea()) return;
    const after = document.createElement(manyLines.checked ? "textarea" : "input");
    for (const { name, value } of before.attributes) {
      if (name !== "type" && name !== "class") after.setAttribute(name, value);
    }
    after.value = before.value;
    before.value = "";
    before.replaceWith(after);
    show();
  });

  // Pasting several lines makes it a textarea as well.
  form.addEventListener("focusin", () => {
    if (manyLines.checked === isArea()) return;
    manyLines.checked = isArea();
    show();
  });

  function source() {
    const isMade = generate?.checked ?? false;
    field().disabled = isMade;
    field().required = !isMade;
  }

  form.addEventListener("change", (event) => event.target.name === "source" && source());
  addEventListener("pageshow", source);
  // Browsers keep pages that were left, some of them on disk.
  addEventListener("pagehide", () => {
    field().value = "";
  });
  source();
}

for (const form of document.querySelectorAll("form[data-seal]")) watch(form);
