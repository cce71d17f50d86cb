// Chromium as it is started for tests: with nothing of its own to say to anybody, an empty
// profile, and the recorder as its only way out.

import { load } from "./packages.mjs";
import { record } from "./recorder.mjs";
import { Visit } from "./visit.mjs";
import { watch } from "./watch.mjs";

const { chromium } = await load("playwright-core");

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  // What is no HTTP would go past the recorder.
  "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
  "--dns-prefetch-disable",
];

/**
 * Starts it. `servers`: see `record`. With `direct`, it goes past the recorder: to measure
 * times, where nothing is proven of what was sent.
 */
export async function start({ servers, direct = false }) {
  const recorder = await record(servers);
  const keys = recorder.keys.length ? [`--ignore-certificate-errors-spki-list=${recorder.keys}`] : [];
  const program = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [...FLAGS, ...keys],
    // <-loopback> takes away that loopback goes past the proxy.
    ...(direct ? {} : { proxy: { server: recorder.address, bypass: "<-loopback>" } }),
  });
  return new Browser(program, recorder);
}

class Browser {
  #program;
  #visits = [];

  constructor(program, recorder) {
    this.#program = program;
    this.recorder = recorder;
  }

  /** A person before the browser, with a jar for cookies of their own. */
  async visit({ language = "en", scheme = "light", width = 1280, height, script = true } = {}) {
    const context = await this.#program.newContext({
      locale: { en: "en-GB", sv: "sv-SE" }[language],
      timezoneId: "Europe/Stockholm",
      colorScheme: scheme,
      reducedMotion: "reduce",
      viewport: { width, height: height ?? (width < 600 ? 844 : 800) },
      hasTouch: width < 600,
      isMobile: width < 600,
      deviceScaleFactor: 1,
      javaScriptEnabled: script,
      acceptDownloads: false,
    });
    // Far above what anything takes: a machine may have much other work.
    context.setDefaultTimeout(120_000);
    const visit = new Visit(context, await watch(context), this.recorder);
    visit.page = whole(await context.newPage());
    this.#visits.push(visit);
    return visit;
  }

  get visits() {
    return this.#visits;
  }

  async stop() {
    await this.#program.close();
    await this.recorder.stop();
  }
}

/** The same page, on which nobody acts before its scripts run: they seal what is handed in. */
function whole(page) {
  for (const act of ["click", "fill"]) {
    const acts = page[act].bind(page);
    page[act] = async (selector, ...rest) => {
      await page.waitForSelector(selector, { state: "attached" });
      await page.waitForLoadState();
      return acts(selector, ...rest);
    };
  }
  return page;
}
