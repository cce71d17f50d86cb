// Some seconds in which what was confirmed can be undone: nothing is sent before they are over,
// and nothing where the page is left. Without this script the form is sent at once.

const form = document.querySelector("form[data-undo]");
// As many as the page says.
const seconds = Number(/\d+/.exec(form?.dataset.counting ?? "")?.[0]);
const ask = document.getElementById("ask");
const name = document.getElementById("name");
const says = document.getElementById("undo-says");
const bar = document.getElementById("undo");
const button = document.getElementById("undo-button");
const left = document.getElementById("undo-left");
let timer = null;

form?.addEventListener("submit", (event) => {
  // A wrong name the server explains.
  if (!form.dataset.names.split(" ").includes(name.value.trim())) return;
  event.preventDefault();
  if (timer === null && seconds > 0) start();
});

function start() {
  const end = performance.now() + seconds * 1000;
  ask.hidden = true;
  bar.hidden = false;
  // Once: a number that is told each second drowns all else.
  says.textContent = form.dataset.counting;
  const tick = () => {
    const rest = Math.ceil((end - performance.now()) / 1000);
    left.textContent = `${Math.max(rest, 0)} ${form.dataset.seconds}`;
    if (rest > 0) return;
    stop();
    bar.hidden = true;
    // Sends without asking again.
    form.submit();
  };
  tick();
  timer = setInterval(tick, 200);
  button.focus();
}

function stop() {
  clearInterval(timer);
  timer = null;
}

function undo() {
  if (timer === null) return;
  stop();
  bar.hidden = true;
  ask.hidden = false;
  says.textContent = form.dataset.undone;
  name.focus();
}

button?.addEventListener("click", undo);
addEventListener("keydown", (event) => event.key === "Escape" && undo());
addEventListener("pagehide", undo);
