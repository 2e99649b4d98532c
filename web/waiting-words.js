// What the waiting room says, in plain words.

import { formatCount, formatNumber, formatTime } from "./format.js";

/** @typedef {import("./types.js").QueuePlace} QueuePlace */

const MINUTE_S = 60;
const HOUR_S = 3600;
const HOURS_FROM_S = 2 * HOUR_S;
// A range so narrow, as a share of its end, is no news to anyone.
const NARROW_SHARE = 0.25;

/** @param {import("./queue.js").Queue} queue @returns {{heading: string, text: string}} */
export function describeRoom(queue) {
  switch (queue.phase) {
    case "waiting": return describeWait(/** @type {import("./queue.js").Kept} */ (queue.kept).place);
    case "over": return describeEnd(queue.kept?.hasLeft === true);
    case "sold_out": return { heading: "Nothing is left", text: "Every seat is sold, and the waiting room is closed." };
    case "door": return describeDoor(queue);
    default: return { heading: "One moment", text: "Asking whether there is a line." };
  }
}

/** @param {QueuePlace} place @returns {{heading: string, text: string}} */
function describeWait(place) {
  if (place.number === null) {
    const when = place.draws_at ? `The order is drawn on ${formatTime(place.draws_at)}` : "The order is drawn when the sale begins";
    return { heading: "You are in the draw", text: `${when}: it does not matter when you joined.` };
  }
  return { heading: place.ahead === 0 ? "You are next" : "You are in line", text: "" };
}

/** @param {boolean} hasLeft @returns {{heading: string, text: string}} */
function describeEnd(hasLeft) {
  if (hasLeft) return { heading: "You have left", text: "Your place is given up. If you join again, you get a new number at the end of the line." };
  return {
    heading: "Your turn is over",
    text: "A turn ends when you check out, when its time is up, or when nobody is there to use it. Join again for a new number.",
  };
}

/** @param {import("./queue.js").Queue} queue @returns {{heading: string, text: string}} */
function describeDoor({ room, info }) {
  if (room?.state === "before_sale") {
    const when = info.on_sale_at ? `It begins on ${formatTime(info.on_sale_at)}. ` : "";
    return {
      heading: "The sale has not begun",
      text: `${when}The order of all who join before is then drawn by lot: it does not matter when you join.`,
    };
  }
  if (room?.is_paused) {
    return { heading: "Nobody is let in right now", text: "The waiting room is paused. Join, and you have your place when it goes on." };
  }
  return { heading: "There is a line for this show", text: `${describeInside(room)}Join, and you are let in when it is your turn.` };
}

/** @param {import("./types.js").RoomSummary|null} room @returns {string} */
function describeInside(room) {
  if (!room) return "";
  // Fewer than may be are let in while seats are held by many and bought by few.
  if (room.active < room.max_active) return "Nobody else is let in at the moment. ";
  return `${formatNumber(room.active)} ${room.active === 1 ? "person is" : "people are"} choosing seats, which is as many as may at a time. `;
}

/** What keeps the line from moving, if anything does. @param {QueuePlace} place @returns {string} */
export function describeStandstill(place) {
  if (place.is_paused) return "Paused: nobody is let in right now. Your place is kept.";
  if (place.number !== null && place.seats_left === 0) return "All seats are held or sold at the moment. The line goes on if some come back.";
  return "";
}

/** @param {number} ahead @returns {string} */
export function describeAhead(ahead) {
  return ahead === 0 ? "Nobody is ahead of you" : `${formatNumber(ahead)} ahead of you`;
}

/** @param {QueuePlace} place @returns {string} For example "about 3 minutes" or "2 to 6 minutes". */
export function describeEstimate({ estimated_wait_range: range, estimated_wait_seconds: seconds, is_paused: isPaused }) {
  if (isPaused) return "no estimate";
  if (range && !isNarrow(range)) return describeRange(range);
  const expected = seconds ?? range?.high ?? null;
  if (expected === null) return "no estimate yet";
  return expected < MINUTE_S ? "less than a minute" : `about ${inUnit(expected, unitFor(expected), Math.round)}`;
}

/** @param {{low: number, high: number}} range @returns {boolean} */
function isNarrow({ low, high }) {
  return high < MINUTE_S || high - low <= high * NARROW_SHARE;
}

/** @param {{low: number, high: number}} range @returns {string} */
function describeRange({ low, high }) {
  const unit = unitFor(high);
  // The ends are rounded outwards: a promise that is too short is worse than none.
  const [from, to] = [Math.floor(low / unit), Math.ceil(high / unit)];
  if (from > 0) return `${formatNumber(from)} to ${inUnit(high, unit, Math.ceil)}`;
  if (low >= MINUTE_S) return `${inUnit(low, MINUTE_S, Math.floor)} to ${inUnit(high, unit, Math.ceil)}`;
  return to === 1 && unit === MINUTE_S ? "less than a minute" : `up to ${inUnit(high, unit, Math.ceil)}`;
}

/** @param {number} seconds @returns {number} */
const unitFor = (seconds) => (seconds < HOURS_FROM_S ? MINUTE_S : HOUR_S);

/** @param {number} seconds @param {number} unit @param {(parts: number) => number} round @returns {string} */
function inUnit(seconds, unit, round) {
  return formatCount(Math.max(1, round(seconds / unit)), unit === HOUR_S ? "hour" : "minute");
}
