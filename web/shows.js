// The list of shows.

import { request } from "./api.js";
import { byId, make } from "./dom.js";
import { formatCount, formatMoneyShort, formatTime } from "./format.js";
import { guestName } from "./storage.js";

/** @typedef {import("./types.js").ShowInfo} ShowInfo */

/** @param {string} [cursor] @returns {Promise<{events: ShowInfo[], next: string|null}>} */
export async function fetchShows(cursor) {
  const { body } = await request("GET", cursor ? `/events?cursor=${encodeURIComponent(cursor)}` : "/events", { anonymous: true });
  return body;
}

/** @param {{events: ShowInfo[], next: string|null}} page @param {string} [path] The page that each show is opened with. */
export function listShows(page, path = "/") {
  const list = byId("shows");
  list.hidden = false;
  if (page.events.length === 0) list.append(make("p", { class: "muted" }, "There are no shows yet."));
  append(list, page, path);
}

/** @param {HTMLElement} list @param {{events: ShowInfo[], next: string|null}} page @param {string} path */
function append(list, page, path) {
  for (const show of page.events) list.append(card(show, path));
  if (!page.next) return;
  const more = make("button", { type: "button", class: "secondary" }, "More shows");
  more.addEventListener("click", async () => {
    const next = await fetchShows(page.next ?? undefined);
    more.remove();
    append(list, next, path);
  });
  list.append(more);
}

/** @param {ShowInfo} show @param {string} path @returns {HTMLElement} */
function card(show, path) {
  const query = new URLSearchParams({ event: show.event_id });
  if (guestName()) query.set("guest", guestName());
  const link = make("a", { href: `${path}?${query}` }, show.title);
  const cheapest = show.sections.map(({ price }) => price).sort((a, b) => a.amount - b.amount)[0];
  const from = cheapest ? `, from ${formatMoneyShort(cheapest)}` : "";
  const free = show.counts ? make("p", { class: "muted" }, show.counts.available > 0 ? `${formatCount(show.counts.available)} available${from}` : "Sold out") : "";
  return make("article", { class: "show-card" }, make("h2", {}, link), make("p", {}, formatTime(show.starts_at)), free);
}
