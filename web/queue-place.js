// Servers follow the log at their own pace, so an answer may be older than what was told before. For one number only the way
// forward counts.

/** @typedef {import("./types.js").QueuePlace} QueuePlace */

const STEPS = { waiting: 0, admitted: 1, over: 2, sold_out: 2 };

/** @param {QueuePlace} known @param {QueuePlace} place @returns {boolean} Whether it must not replace what is known. */
export function isOlder(known, place) {
  // A different number: the stream of an earlier ticket had something left to say. None: a server that knows of no draw yet.
  if (known.number !== null && place.number !== known.number) return true;
  return STEPS[place.state] < STEPS[known.state];
}

/** @param {QueuePlace} known @param {QueuePlace} place @returns {QueuePlace} */
export function forward(known, place) {
  const next = { ...place, serving: Math.max(known.serving, place.serving) };
  // Nobody is ever put before a person who waits.
  if (known.ahead !== null && place.ahead !== null) next.ahead = Math.min(known.ahead, place.ahead);
  return next;
}
