// One's turn in the waiting room: how it is announced, and the line that says how it ends.

import { clearNotice, notify } from "./announce.js";
import { byId, setText } from "./dom.js";
import { formatDuration, formatHour } from "./format.js";

// What a show has that does not say otherwise.
const USUAL_IDLE_SECONDS = 300;

/** @param {import("./show.js").Show} show @param {import("./queue.js").Queue} queue */
export function announceTurn(show, queue) {
  const title = document.title;
  let before = queue.phase;

  const render = () => {
    const { phase } = queue;
    if (before === "waiting" && phase === "admitted") {
      notify("It is your turn. Choose your seats.", "good", { replace: true });
      if (document.hidden) document.title = `Your turn \u2013 ${title}`;
    } else if (before === "admitted" && phase !== "admitted") {
      document.title = title;
      clearNotice();
    }
    before = phase;
    const text = describeTurn(show, queue);
    byId("turn").hidden = text === "";
    setText(byId("turn"), text);
  };

  document.addEventListener("visibilitychange", () => { if (!document.hidden) document.title = title; });
  queue.addEventListener("change", render);
  show.addEventListener("reservation", render);
  render();
}

/** @param {import("./show.js").Show} show @param {import("./queue.js").Queue} queue @returns {string} */
function describeTurn(show, queue) {
  const { phase, kept, info } = queue;
  if (phase === "admitted" && kept?.place.pass_expires_at) {
    const idle = info.waiting_room?.idle_seconds ?? USUAL_IDLE_SECONDS;
    const early = !show.openHold() ? ` It ends early if you hold nothing for ${formatDuration(idle)}.` : "";
    return `Your turn lasts until ${formatHour(kept.place.pass_expires_at)}, or until you check out.${early}`;
  }
  if (phase === "over" && show.openHold()) return "Your turn is over, but you can still check out what is held for you.";
  if (phase === "over") return "Your turn is over. To choose more seats, join the waiting room again.";
  return "";
}
