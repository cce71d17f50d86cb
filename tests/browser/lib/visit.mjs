// One person's visit, and what can be found out about the page before them.

import { text } from "./packages.mjs";

const PHONE = { width: 360, height: 740 };

const AXE = text("axe-core/axe.min.js");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

export class Visit {
  constructor(context, watch, recorder) {
    this.context = context;
    this.watch = watch;
    this.recorder = recorder;
  }

  /** What axe has against the page as it is, in both colour schemes. */
  async axe() {
    const found = [];
    for (const scheme of ["light", "dark"]) {
      await this.page.emulateMedia({ colorScheme: scheme });
      const result = await this.#apart(
        `${AXE}; axe.run(document, { runOnly: ${JSON.stringify(TAGS)}, resultTypes: ["violations"] })` +
          ".then((result) => JSON.stringify(result.violations.flatMap((one) => one.nodes.map((node) =>" +
          " `${one.id}: ${one.help}: ${node.target.join(' ')}: ${node.failureSummary}`))))",
      );
      found.push(...JSON.parse(result).map((one) => `${scheme}: ${one}`));
    }
    await this.page.emulateMedia({ colorScheme: null });
    return found;
  }

  /** What is wider than the page: [] where nothing scrolls sideways. */
  async wide() {
    const found = await this.#apart(`(() => {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return "[]";
      const all = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 0.5);
      return JSON.stringify(all.slice(0, 8).map((e) => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)));
    })()`);
    return JSON.parse(found);
  }

  /** The page as it is: for readers of screens, in the dark, on a phone. */
  async looks(what, none) {
    const desk = this.page.viewportSize();
    none(`${what}, axe on a desk`, await this.axe());
    await this.page.setViewportSize(PHONE);
    none(`${what} is wider than a phone`, await this.wide());
    none(`${what}, axe on a phone`, await this.axe());
    await this.page.setViewportSize(desk);
  }

  /** Everything that the browser holds of the page now, with a name each. */
  async held() {
    const held = [];
    for (const frame of this.page.frames()) {
      held.push([`address of ${frame.name() || "the page"}`, frame.url()]);
    }
    const said = await this.#apart(`(async () => {
      const said = [];
      const walk = (root, name) => {
        for (const element of root.querySelectorAll("*")) {
          if ("value" in element) said.push([name + ": a field's value", String(element.value)]);
          if (element.shadowRoot) walk(element.shadowRoot, name + ": shadow");
        }
        said.push([name, root.documentElement ? root.documentElement.outerHTML : root.innerHTML]);
      };
      walk(document, "the document");
      for (const [name, kept] of [["localStorage", localStorage], ["sessionStorage", sessionStorage]]) {
        for (let at = 0; at < kept.length; at++) said.push([name, kept.key(at) + "=" + kept.getItem(kept.key(at))]);
      }
      said.push(["history.state", JSON.stringify(history.state) ?? ""], ["window.name", window.name]);
      for (const entry of window.navigation?.entries() ?? []) said.push(["history", entry.url ?? ""]);
      for (const base of (await indexedDB.databases?.()) ?? []) said.push(["indexedDB", base.name, "present"]);
      for (const key of (await window.caches?.keys()) ?? []) said.push(["caches", key, "present"]);
      return JSON.stringify(said);
    })()`);
    held.push(...JSON.parse(said));
    for (const cookie of await this.context.cookies()) held.push(["a cookie", `${cookie.name}=${cookie.value}`]);
    return held;
  }

  /** Where a value is that must not be: in what was sent, what came, and what is held. */
  async leaks(search) {
    const found = [];
    for (const [where, content, present] of await this.held()) {
      const form = search.find(content);
      if (form) found.push(`${where} holds it: ${form}`);
      // No page of ours needs one, and its content is not looked through.
      if (present) found.push(`${where} is used`);
    }
    return [...found, ...sent(this.recorder, search)];
  }

  /** How long the page took until it answers, and what came for it. */
  async loads(url, { fresh = false } = {}) {
    const from = this.recorder.exchanges.length;
    const session = await this.context.newCDPSession(this.page);
    await session.send("Network.enable");
    if (fresh) await session.send("Network.clearBrowserCache");
    await session.detach();
    await this.page.goto(url, { waitUntil: "load" });
    const times = JSON.parse(
      await this.#apart(`(() => {
        const [page] = performance.getEntriesByType("navigation");
        const [paint] = performance.getEntriesByName("first-contentful-paint");
        return JSON.stringify({ usable: page.domContentLoadedEventEnd, loaded: page.loadEventStart, painted: paint?.startTime });
      })()`),
    );
    const came = this.recorder.exchanges.slice(from).filter((one) => !(one.type ?? "").startsWith("text/event-stream"));
    return { ...times, weight: came.reduce((sum, one) => sum + one.weight, 0), requests: came.length };
  }

  /** A picture of the page. */
  async shot(file, { whole = true } = {}) {
    await this.page.screenshot({ path: file, fullPage: whole, animations: "disabled", caret: "hide" });
  }

  /**
   * Runs a script beside the page's own, where neither its policy nor its scripts reach, and
   * gives what it comes to.
   */
  async #apart(expression) {
    const session = await this.context.newCDPSession(this.page);
    try {
      const { frameTree } = await session.send("Page.getFrameTree");
      const { executionContextId } = await session.send("Page.createIsolatedWorld", {
        frameId: frameTree.frame.id,
        worldName: "kliv-tests",
      });
      const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
        expression,
        contextId: executionContextId,
        awaitPromise: true,
        returnByValue: true,
      });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    } finally {
      await session.detach();
    }
  }
}

/** Where a value is in what went over the wire, from a request on. */
export function sent(recorder, search, from = 0) {
  const found = [];
  for (const [where, content] of recorder.everything(from)) {
    const form = search.find(content);
    if (form) found.push(`${where}: ${form}`);
  }
  return found;
}
