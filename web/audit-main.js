// Starts the auditor's page: a token, a show, and then its history.

import { request } from "./api.js";
import { notify } from "./announce.js";
import { askForToken, keepToken, takeToken } from "./audit-access.js";
import { explainFailure, openAudit } from "./audit-page.js";
import { byId, setText } from "./dom.js";
import { formatTime } from "./format.js";
import { fetchShows, listShows } from "./shows.js";

/** @param {string} token */
async function start(token) {
  if (!token) return askForToken("", begin);
  byId("sign-out").hidden = false;
  const wanted = new URLSearchParams(location.search).get("event");
  if (wanted) return showOne(wanted, token);
  const page = await fetchShows();
  if (page.events.length === 1 && !page.next) return showOne(page.events[0].event_id, token);
  byId("loading").hidden = true;
  setText(byId("title"), "Choose a show to audit");
  listShows(page, "/audit");
}

/** @param {string} eventId @param {string} token */
async function showOne(eventId, token) {
  const path = `/events/${encodeURIComponent(eventId)}`;
  const [{ body: info }, { body: chart }] = await Promise.all([
    request("GET", path, { anonymous: true }),
    request("GET", `${path}/chart`, { anonymous: true }),
  ]);
  document.title = `Audit: ${info.title} \u00b7 Fullhouse`;
  setText(byId("title"), info.title);
  setText(byId("when"), formatTime(info.starts_at));
  byId("loading").hidden = true;
  byId("audit").hidden = false;
  document.body.dataset.page = "audit";
  openAudit(info, chart, token, (trouble) => {
    keepToken("");
    byId("audit").hidden = true;
    byId("live").hidden = true;
    byId("sign-out").hidden = true;
    document.body.dataset.page = "";
    // Another token may see another history, so all begins anew.
    askForToken(trouble, () => location.reload());
  });
}

/** @param {string} token */
function begin(token) {
  start(token).catch((error) => {
    byId("loading").hidden = false;
    setText(byId("loading"), explainFailure(error));
  });
}

byId("sign-out").addEventListener("click", () => {
  keepToken("");
  location.reload();
});
addEventListener("unhandledrejection", (event) => notify(String(event.reason?.message ?? event.reason), "warning"));
begin(takeToken());
