// Has the worker read the history, and asks again for what is new while the page is open.

const EVERY_MS = 2000;
const DELAY_LONGEST_MS = 15_000;

/**
 * @typedef {object} LoaderOptions
 * @property {string} path Of the show's history.
 * @property {string[]} labels The seats in chart order.
 * @property {string} token
 * @property {(batch: import("./audit-pack.js").Batch) => void} onBatch
 * @property {() => void} onCaughtUp
 * @property {() => void} onLost The server could not be reached; it is asked again.
 * @property {(status: number, detail: string) => void} onRefused The server wants no more of this token.
 */

/** @param {LoaderOptions} options */
export function followHistory(options) {
  const worker = new Worker(new URL("./audit-worker.js", import.meta.url), { type: "module" });
  let failures = 0;
  const read = () => worker.postMessage({ read: { token: options.token } });

  worker.addEventListener("message", ({ data }) => {
    const report = /** @type {import("./audit-worker.js").Report} */ (data);
    if ("batch" in report) return options.onBatch(report.batch);
    if (report.end === "refused") {
      worker.terminate();
      return options.onRefused(report.status, report.detail);
    }
    if (report.end === "lost") {
      options.onLost();
      const grown = Math.min(DELAY_LONGEST_MS, 1000 * 2 ** failures++);
      return setTimeout(read, Math.max(report.waitMs, grown));
    }
    failures = 0;
    options.onCaughtUp();
    setTimeout(() => whenSeen(read), EVERY_MS);
  });
  worker.postMessage({ open: { path: options.path, labels: options.labels } });
  read();
}

/** Nobody needs news on a page in the background. @param {() => void} then */
function whenSeen(then) {
  if (!document.hidden) return then();
  document.addEventListener("visibilitychange", () => whenSeen(then), { once: true });
}
