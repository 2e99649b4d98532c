// Messages to the person: a visible notice, and spoken text for screen readers.

import { byId } from "./dom.js";

const JOIN_MS = 4000;

/** @type {string[]} */
let texts = [];
let toneBefore = "";
let writtenAt = -Infinity;

/**
 * Shows a message until it is closed or replaced. Several in a row (a popular block is going) are shown together.
 * @param {string} text
 * @param {"info"|"warning"|"good"} [tone]
 * @param {{replace?: boolean}} [options]
 */
export function notify(text, tone = "info", options = {}) {
  const now = performance.now();
  const joins = !options.replace && tone === toneBefore && now - writtenAt < JOIN_MS;
  texts = joins ? [...texts.filter((known) => known !== text), text].slice(-3) : [text];
  writtenAt = now;
  toneBefore = tone;

  const notice = byId("notice");
  notice.dataset.tone = tone;
  const lines = document.createElement("div");
  for (const line of texts) {
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    lines.append(paragraph);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "notice-close";
  close.setAttribute("aria-label", "Close this message");
  close.textContent = "\u00d7";
  close.addEventListener("click", clearNotice);
  notice.replaceChildren(lines, close);
}

export function clearNotice() {
  texts = [];
  byId("notice").replaceChildren();
}

/** Says something to screen readers only. @param {string} text */
export function say(text) {
  byId("spoken").textContent = text;
}

/** @type {ReturnType<typeof setTimeout>|undefined} */
let seatTimer;

/** Names the seat under the cursor. A short delay keeps a held arrow key from queueing a speech. @param {string} text */
export function saySeat(text) {
  clearTimeout(seatTimer);
  seatTimer = setTimeout(() => { byId("seat-spoken").textContent = text; }, 120);
}
