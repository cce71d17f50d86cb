// Keeps a page as the cluster has it. The server says that something changed; the same page
// is then fetched anew and its parts with `data-live` and an id take what differs. As a
// document of XMLHttpRequest no script in it runs, and no text is ever made into markup here.
//
//   data-live         is swapped where it differs; parts inside it are looked at one by one
//   data-live="list"  its children come, go and move, each by its id
//   data-live="idle"  is left alone while somebody is in it
//
// What the server said last is kept beside each part, so that what other scripts did to the
// page is no difference. `kliv:swapped` is told after each change.

const WAIT_MS = 300;
const AGAIN_MS = [1000, 2000, 5000, 15000, 30000];
const LOST_MS = 4000;
const FOCUSABLE = "a[href],button,input,select,textarea,summary,[tabindex]";

/** What the server said last of a part. */
const said = new WeakMap();

const parts = (of) => of.querySelectorAll("[data-live][id]");
const isList = (part) => part.dataset.live === "list";

/** The parts inside one, without those inside these. */
function inner(part) {
  return Array.from(parts(part)).filter((one) => one.parentElement.closest("[data-live][id]") === part);
}

const ids = (list) => list.map((one) => one.id).join("\n");

/** The same, but for how long ago something was. */
function timeless(part) {
  const copy = part.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) time.textContent = "";
  return copy;
}

function remember(part) {
  said.set(part, part.cloneNode(true));
  for (const one of parts(part)) said.set(one, one.cloneNode(true));
}

/** @returns whether anything but times has changed */
function update(now, next) {
  const before = said.get(now) ?? now;
  if (before.isEqualNode(next)) return false;
  if (now.dataset.live === "idle" && now.contains(document.activeElement)) return leave(now);
  said.set(now, next.cloneNode(true));
  if (timeless(before).isEqualNode(timeless(next))) {
    const times = next.querySelectorAll("time");
    now.querySelectorAll("time").forEach((time, i) => {
      if (times[i]) time.textContent = times[i].textContent;
    });
    for (const one of inner(now)) {
      const fresh = inner(next).find((other) => other.id === one.id);
      if (fresh) update(one, fresh);
    }
    return false;
  }
  if (isList(now) && isList(next)) return updateList(now, next);
  const [mine, theirs] = [inner(now), inner(next)];
  if (mine.length > 0 && ids(mine) === ids(theirs)) {
    return mine.map((one, i) => update(one, theirs[i])).includes(true);
  }
  replace(now, next);
  return true;
}

/** What somebody is in is looked at again next time, and so is all that is around it. */
function leave(part) {
  for (let around = part; (around = around.parentElement.closest("[data-live][id]")); ) {
    said.set(around, document.createElement("i"));
  }
  return false;
}

function updateList(now, next) {
  const stays = new Set(Array.from(next.children, (child) => child.id));
  const there = new Map(Array.from(now.children, (child) => [child.id, child]));
  let changed = false;
  let place = now.firstElementChild;
  for (const fresh of Array.from(next.children)) {
    let child = there.get(fresh.id);
    there.delete(fresh.id);
    if (!child) {
      now.insertBefore(made(fresh), place);
      changed = true;
      continue;
    }
    // Only what is out of order moves: moving an element takes its focus away.
    while (place && place !== child && !stays.has(place.id)) {
      const gone = place;
      place = place.nextElementSibling;
      there.delete(gone.id);
      gone.remove();
      changed = true;
    }
    if (place === child) {
      place = child.nextElementSibling;
    } else {
      now.insertBefore(child, place);
      changed = true;
    }
    changed = update(child, fresh) || changed;
  }
  for (const gone of there.values()) {
    gone.remove();
    changed = true;
  }
  return changed;
}

function made(fresh) {
  const copy = document.importNode(fresh, true);
  for (const script of copy.querySelectorAll("script")) script.remove();
  remember(copy);
  copy.classList.add("changed");
  return copy;
}

function replace(now, next) {
  const copy = made(next);
  for (const open of now.querySelectorAll("details[id][open]")) {
    const same = Array.from(copy.querySelectorAll("details[id]")).find((one) => one.id === open.id);
    if (same) same.open = true;
  }
  now.replaceWith(copy);
}

/** Where the focus is, to find it again: the part, and the how manieth in it. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return () => {};
  const chain = [];
  for (let part = element.closest("[data-live][id]"); part; part = part.parentElement.closest("[data-live][id]")) {
    chain.push([part.id, Array.from(part.querySelectorAll(FOCUSABLE)).indexOf(element)]);
  }
  return () => {
    if (document.activeElement === element && element.isConnected) return;
    if (element.isConnected) return element.focus({ preventScroll: true });
    for (const [id, place] of chain) {
      const part = document.getElementById(id);
      if (!part) continue;
      const all = part.querySelectorAll(FOCUSABLE);
      const target = all[Math.min(place, all.length - 1)];
      if (target) return target.focus({ preventScroll: true });
    }
    document.getElementById("main")?.focus({ preventScroll: true });
  };
}

/** Takes from a page that was fetched what differs. */
function swap(fresh) {
  const back = focused();
  let changed = false;
  for (const now of Array.from(parts(document))) {
    if (!now.isConnected || now.parentElement.closest("[data-live][id]")) continue;
    const next = fresh.getElementById(now.id);
    if (next) changed = update(now, next) || changed;
  }
  back();
  if (changed) say();
  document.dispatchEvent(new CustomEvent("kliv:swapped", { detail: { changed } }));
}

/** Tells those who can't see it, once for changes that come together. */
let saying = 0;
function say() {
  const says = document.getElementById("live-says");
  if (!says) return;
  clearTimeout(saying);
  says.textContent = "";
  saying = setTimeout(() => (says.textContent = says.dataset.changed), 1000);
}

function fetched(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => {
      // Signed out, the answer is another page.
      const same = request.status === 200 && request.responseURL === address;
      return same && request.response ? resolve(request.response) : reject();
    };
    request.onerror = reject;
    request.send();
  });
}

let waits = false;
let missed = false;

/** Fetches the page anew; changes that come meanwhile are fetched after it. */
async function refresh() {
  if (waits) {
    missed = true;
    return;
  }
  waits = true;
  try {
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    const address = location.href.split("#")[0];
    const fresh = await fetched(address);
    // Elsewhere by now: it is another page's content.
    if (address === location.href.split("#")[0]) swap(fresh);
  } catch {
    // The next change tries again.
  } finally {
    waits = false;
    if (missed) {
      missed = false;
      refresh();
    }
  }
}

/** Listens while the page is seen: browsers allow few connections to one server. */
function listen(address) {
  let events = null;
  let tries = 0;
  let again = 0;
  let lost = 0;
  const isLost = (is) => {
    const note = document.getElementById("live-lost");
    clearTimeout(lost);
    if (!note) return;
    if (!is) note.hidden = true;
    else lost = setTimeout(() => (note.hidden = false), LOST_MS);
  };
  const open = () => {
    clearTimeout(again);
    events?.close();
    events = new EventSource(address);
    events.addEventListener("changed", refresh);
    events.addEventListener("open", () => {
      isLost(false);
      tries = 0;
      // Since the page was made, or the last connection, something may have been missed.
      refresh();
    });
    events.addEventListener("error", () => {
      isLost(true);
      // The browser tries again by itself, but for what the server refused.
      if (events.readyState !== EventSource.CLOSED) return;
      again = setTimeout(open, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]);
    });
  };
  const close = () => {
    clearTimeout(again);
    clearTimeout(lost);
    events?.close();
    events = null;
  };
  const look = () => (document.visibilityState === "visible" ? events || open() : close());
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  addEventListener("pageshow", look);
  look();
}

/** How long ago things were goes on while nothing changes. */
function tick() {
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en");
  const units = [["year", 31536000], ["day", 86400], ["hour", 3600], ["minute", 60]];
  for (const time of document.querySelectorAll("time[datetime]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const unit = units.find(([, length]) => Math.abs(seconds) >= length);
    if (unit) time.textContent = words.format(Math.trunc(seconds / unit[1]), unit[0]);
  }
}

/** What was done is told once: not after a reload, nor to whoever is given the address. */
function forget() {
  const told = new URL(location.href);
  if (!told.searchParams.has("done")) return;
  told.searchParams.delete("done");
  history.replaceState(history.state, "", told);
  const back = document.querySelector('form[action="/language"] [name="to"]');
  if (back) back.value = told.pathname + told.search;
}

forget();
const address = document.querySelector("script[data-events]")?.dataset.events;
if (address) {
  for (const part of parts(document)) said.set(part, part.cloneNode(true));
  listen(address);
  setInterval(tick, 30_000);
}
