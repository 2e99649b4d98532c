// Wires the page together: finds the show, opens the stream, connects map, list and panel.

import { Problem, request } from "./api.js";
import { notify } from "./announce.js";
import { byId, setText } from "./dom.js";
import { formatTime } from "./format.js";
import { fetchShows, listShows } from "./shows.js";
import { openShow } from "./show-page.js";
import { guestName } from "./storage.js";

async function start() {
  if (guestName()) byId("brand").setAttribute("href", `/?${new URLSearchParams({ guest: guestName() })}`);
  const wanted = new URLSearchParams(location.search).get("event");
  if (wanted) return showOne(wanted);
  const page = await fetchShows();
  if (page.events.length === 1 && !page.next) return showOne(page.events[0].event_id);
  byId("loading").hidden = true;
  listShows(page);
}

/** @param {string} eventId */
async function showOne(eventId) {
  const path = `/events/${encodeURIComponent(eventId)}`;
  const [{ body: info }, { body: chart }] = await Promise.all([
    request("GET", path, { anonymous: true }),
    request("GET", `${path}/chart`, { anonymous: true }),
  ]);
  document.title = `${info.title} \u00b7 Fullhouse`;
  setText(byId("title"), info.title);
  setText(byId("when"), formatTime(info.starts_at));
  byId("loading").hidden = true;
  byId("show").hidden = false;
  document.body.dataset.page = "show";
  openShow(info, chart);
}

start().catch((error) => {
  const missing = error instanceof Problem && error.status === 404;
  setText(byId("loading"), missing ? "This show does not exist." : error.message);
  if (!(error instanceof Problem)) console.error(error);
});

addEventListener("unhandledrejection", (event) => notify(String(event.reason?.message ?? event.reason), "warning"));
