// Keeps a page as the cluster has it. The server says that something changed; the same page
// is then fetched anew and its parts with `data-live` are swapped where they differ. As a
// document of XMLHttpRequest no script in it runs, and no text is ever made into markup here.

const script = document.querySelector("script[data-events]");
const WAIT_MS = 300;

function fetched(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => (request.status === 200 ? resolve(request.response) : reject());
    request.onerror = reject;
    request.send();
  });
}

// Rows first: where only some differ the others keep focus and selection.
function swap(fresh) {
  for (const now of document.querySelectorAll("[data-live]")) {
    if (!now.isConnected) continue;
    const next = fresh.getElementById(now.id);
    if (next && isSame(now, next)) continue;
    if (!next || now.contains(document.activeElement) && now.dataset.live === "idle") continue;
    const inner = now.querySelector(":scope > [data-live]");
    if (inner && sameChildren(now, next)) continue;
    const focused = now.contains(document.activeElement) ? document.activeElement.id : "";
    const copy = document.importNode(next, true);
    copy.classList.add("changed");
    now.replaceWith(copy);
    if (focused) document.getElementById(focused)?.focus();
  }
  document.dispatchEvent(new CustomEvent("kliv:swapped"));
}

const isSame = (a, b) => a.isEqualNode(b);

function sameChildren(a, b) {
  const ids = (of) => Array.from(of.children, (child) => child.id).join("\n");
  return ids(a) === ids(b);
}

let waits = false;
async function changed() {
  if (waits) return;
  waits = true;
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  waits = false;
  try {
    swap(await fetched(location.href));
  } catch {
    // The next change tries again.
  }
}

if (script) {
  const events = new EventSource(script.dataset.events);
  events.addEventListener("changed", changed);
  // After a pause, something may have been missed.
  let opened = false;
  events.addEventListener("open", () => {
    if (opened) changed();
    opened = true;
  });
  addEventListener("pagehide", () => events.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
