// What no page may do, whatever it shows: break its own policy, run a script that is not
// ours, open a dialog or another page, write an error to the console.

/** Starts to watch all pages of a context; says what happened as a list of sentences. */
export async function watch(context) {
  const happened = [];
  const expected = [];
  const note = (what, detail) => {
    const one = `${what}: ${detail}`;
    if (!happened.includes(one)) happened.push(one);
  };

  await context.exposeBinding("__kliv_violation", (_, what) => note("policy", what));
  await context.addInitScript(() => {
    const tell = window.__kliv_violation;
    document.addEventListener("securitypolicyviolation", (event) => {
      tell(`${event.effectiveDirective} on ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  const attend = (page) => {
    page.on("console", (message) => {
      // Pods of other tests come and go with their interfaces; the page asks anew by itself.
      if (message.text().includes("net::ERR_NETWORK_CHANGED")) return;
      if (["error", "warning", "assert"].includes(message.type())) {
        note("console", `${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on("pageerror", (error) => note("error", error.message ?? error));
    page.on("dialog", (dialog) => {
      note("dialog", `${dialog.type()} ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on("popup", (popup) => note("page", `another opened: ${popup.url()}`));
    page.on("crash", () => note("page", "crashed"));
    page.on("download", (download) => note("download", download.suggestedFilename()));
    page.on("worker", (worker) => note("worker", worker.url()));
  };
  context.pages().forEach(attend);
  context.on("page", attend);
  context.on("weberror", (error) => note("error", error.error().message));
  context.on("serviceworker", (worker) => note("worker", worker.url()));

  return {
    /** From here on something like this may happen, e.g. the answer 403 that is asked for. */
    expect: (pattern) => expected.push(pattern),
    /** What happened and was not expected. */
    happened: () => happened.filter((one) => !expected.some((pattern) => pattern.test(one))),
    /** Whether something like this happened, expected or not. */
    saw: (pattern) => happened.some((one) => pattern.test(one)),
  };
}
