// What the facts of a history say, in plain words.

import { EXPIRED, HELD, OTHER, RELEASED, SOLD } from "./audit-pack.js";
import { formatCount, KIND_WORDS } from "./format.js";
import { AVAILABLE, PENDING } from "./show.js";

/** What happened, in the order of the types' codes. */
export const TYPE_WORDS = [
  "Show scheduled", "Held", "Sold", "Released", "Ran out",
  "Waiting room changed", "Line drawn", "Waiting room opened", "Line moved", "Waiting room closed", "Other",
];

/** What a fact looks like in lists. @type {Record<number, string>} */
const LOOKS = { [HELD]: "held", [SOLD]: "sold", [RELEASED]: "free", [EXPIRED]: "free" };

/** @param {number} type @returns {string} */
export const lookOf = (type) => LOOKS[type] ?? "other";

/** @param {import("./audit-history.js").History} history @param {number} fact @returns {string} For example "Held 2 seats". */
export function titleOf(history, fact) {
  const type = history.type[fact];
  const seats = history.seatsOf(fact).length;
  const word = TYPE_WORDS[Math.min(type, OTHER)];
  if (seats === 0) return word;
  return type === EXPIRED ? `Hold of ${formatCount(seats)} ran out` : `${word} ${formatCount(seats)}`;
}

/**
 * @param {import("./audit-history.js").History} history @param {import("./chart.js").Chart} chart @param {number} fact
 * @returns {string} Which seats, or nothing.
 */
export function placesOf(history, chart, fact) {
  return chart.describeAll(Array.from(history.seatsOf(fact), (seat) => chart.labels[seat]));
}

/**
 * @param {import("./audit-recorder.js").Recorder} recorder @param {number} seat
 * @returns {string} How the seat stands at the moment, for example "held by ann".
 */
export function standingOf({ show, history, at }, seat) {
  const kind = show.kinds[seat];
  const last = kind === AVAILABLE ? undefined : history.about(seat, at).pop();
  if (last === undefined) return KIND_WORDS[kind];
  return `${kind === PENDING ? "held by" : "sold to"} ${history.personOf(last)}`;
}
