// How far the log is sealed: the newest signed checkpoint, asked for every few seconds.

import { byId, setText } from "./dom.js";
import { formatNumber } from "./format.js";

const EVERY_MS = 5000;
const SHORT_LETTERS = 8;

/** @typedef {{origin: string, size: number, root: string, signers: string[]}} Checkpoint */

/** @param {string} note A signed note of C2SP. @returns {Checkpoint|null} */
export function parseCheckpoint(note) {
  const [body, signatures = ""] = note.split("\n\n");
  const [origin, size, root] = body.split("\n");
  if (!root || !/^\d+$/.test(size)) return null;
  const signers = signatures.split("\n").filter((line) => line.startsWith("\u2014 ")).map((line) => line.split(" ")[1]);
  return { origin, size: Number(size), root, signers };
}

/**
 * @param {() => number} known The largest log position that the page has loaded.
 * @param {(sealedTo: number) => void} onSealed
 * @returns {() => void} To be called when more is loaded.
 */
export function followCheckpoint(known, onSealed) {
  /** Undefined before the first answer. @type {Checkpoint|null|undefined} */
  let latest;
  const look = async () => {
    if (document.hidden) return;
    const { found, checkpoint } = await fetchCheckpoint();
    // When the server can't be asked, the last one stands.
    if (found === "unknown") return;
    if (checkpoint && checkpoint.size !== latest?.size) onSealed(checkpoint.size);
    latest = checkpoint;
    render(latest, known());
  };
  byId("seal-copy").addEventListener("click", () => { if (latest) copy(latest.root); });
  document.addEventListener("visibilitychange", look);
  setInterval(look, EVERY_MS);
  look();
  return () => render(latest, known());
}

/** @returns {Promise<{found: "yes"|"no"|"unknown", checkpoint: Checkpoint|null}>} */
async function fetchCheckpoint() {
  try {
    const response = await fetch("/checkpoint", { cache: "no-store" });
    if (response.status === 404) return { found: "no", checkpoint: null };
    const checkpoint = response.ok ? parseCheckpoint(await response.text()) : null;
    return { found: checkpoint ? "yes" : "unknown", checkpoint };
  } catch {
    return { found: "unknown", checkpoint: null };
  }
}

/** @param {Checkpoint|null|undefined} checkpoint @param {number} known */
function render(checkpoint, known) {
  byId("seal").hidden = checkpoint === undefined;
  byId("seal").dataset.state = !checkpoint ? "none" : checkpoint.size >= known ? "all" : "some";
  byId("seal-root-line").hidden = !checkpoint;
  if (!checkpoint) return setText(byId("seal-text"), "No checkpoint yet");
  setText(byId("seal-text"), `Sealed up to log position ${formatNumber(checkpoint.size)} of ${formatNumber(Math.max(known, checkpoint.size))}`);
  const { root, signers, origin } = checkpoint;
  setText(byId("seal-root"), root.length > 2 * SHORT_LETTERS ? `${root.slice(0, SHORT_LETTERS)}\u2026${root.slice(-SHORT_LETTERS)}` : root);
  byId("seal-root").title = root;
  setText(byId("seal-signer"), signers.length > 0 ? signers.join(", ") : "nobody");
  byId("seal-signer").title = origin;
}

/** The clipboard is missing on plain HTTP, which self-hosters use: then the whole text is shown for copying by hand. @param {string} root */
async function copy(root) {
  const button = byId("seal-copy");
  try {
    await navigator.clipboard.writeText(root);
    setText(button, "Copied");
    setTimeout(() => setText(button, "Copy"), 2000);
  } catch {
    setText(byId("seal-root"), root);
  }
}
