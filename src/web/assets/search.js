// Narrows a list while somebody types. What is typed stays in the browser: it may be a value
// that somebody looks for, so it is kept nowhere: browsers write what pages store to disk.
// Without script the form asks the server.

const form = () => document.querySelector("form[data-search]");

function narrow() {
  const list = form() && document.getElementById(form().dataset.search);
  if (!list) return;
  const wanted = form().elements.q.value.trim().toLowerCase();
  let shown = 0;
  for (const row of list.children) {
    const has = row.querySelector("th").textContent.toLowerCase().includes(wanted);
    row.hidden = !has;
    if (has) shown += 1;
  }
  document.getElementById("table").hidden = shown === 0;
  document.getElementById("none").hidden = shown > 0;
  // In the server's words; only the number is another one.
  const says = document.getElementById("shown");
  const { all, some } = says.dataset;
  const text = shown === list.children.length ? all : some.replace("{}", shown);
  if (says.textContent !== text) says.textContent = text;
}

document.addEventListener("input", (event) => {
  if (event.target.form === form() && event.target.name === "q") narrow();
});

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  const { q } = event.target.elements;
  // Empty fields only make the address long.
  for (const field of event.target.elements) field.disabled = field === q || field.value === "";
});

document.addEventListener("kliv:swapped", narrow);

addEventListener("pageshow", () => {
  for (const field of form()?.elements ?? []) field.disabled = false;
  narrow();
});
