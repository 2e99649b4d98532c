// Reads a show's history beside the page, so that 100,000 facts don't hold up a single frame.
// Told `open` once, then `read` whenever there may be more; answers with batches, and with how the reading ended.

import { retryAfterMs } from "./api.js";
import { FactPacker } from "./audit-pack.js";

const BATCH_FACTS = 4000;

/** @typedef {{open: {path: string, labels: string[]}} | {read: {token: string}}} Order */

/**
 * @typedef {{batch: import("./audit-pack.js").Batch}
 *   | {end: "caught-up"} | {end: "lost", waitMs: number} | {end: "refused", status: number, detail: string}} Report
 */

let path = "";
let packer = new FactPacker([]);

self.addEventListener("message", async ({ data }) => {
  const order = /** @type {Order} */ (data);
  if ("open" in order) {
    path = order.open.path;
    packer = new FactPacker(order.open.labels);
    return;
  }
  report(await read(order.read.token));
});

/** @param {Report} message @param {Transferable[]} [transfer] */
function report(message, transfer = []) {
  self.postMessage(message, { transfer });
}

/** @param {string} token @returns {Promise<Report>} */
async function read(token) {
  try {
    const headers = { accept: "application/x-ndjson", authorization: `Bearer ${token}` };
    const response = await fetch(`${path}?after=${packer.lastPosition}`, { headers, cache: "no-store" });
    if (response.status >= 500 || response.status === 429) return { end: "lost", waitMs: retryAfterMs(response) };
    if (!response.ok || !response.body) return { end: "refused", status: response.status, detail: await detailOf(response) };
    await readLines(response.body);
    return { end: "caught-up" };
  } catch {
    return { end: "lost", waitMs: 0 };
  } finally {
    // What came before a cut is kept: the next reading goes on after it.
    send();
  }
}

/** @param {ReadableStream<Uint8Array>} body */
async function readLines(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") packer.add(line);
      if (packer.count >= BATCH_FACTS) send();
    }
  }
  if (rest !== "") packer.add(rest);
}

function send() {
  if (packer.count === 0) return;
  const batch = packer.flush();
  const buffers = Object.values(batch).flatMap((column) => (ArrayBuffer.isView(column) ? [/** @type {ArrayBuffer} */ (column.buffer)] : []));
  report({ batch }, buffers);
}

/** @param {Response} response @returns {Promise<string>} */
async function detailOf(response) {
  const problem = await response.json().catch(() => null);
  return problem?.detail ?? "";
}
