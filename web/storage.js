// What is remembered between visits: the guest's token and the reservations made here.

/** @returns {string} The name from `?guest=`, which lets two people share one browser. */
export function guestName() {
  return new URLSearchParams(location.search).get("guest") ?? "";
}

/** @param {string} name @returns {string} */
const keyFor = (name) => `fullhouse:${guestName()}:${name}`;

/**
 * Storage may be full or forbidden (private windows); the page must work without it.
 * @template T
 * @param {string} name
 * @param {T} fallback
 * @returns {T}
 */
export function recall(name, fallback) {
  try {
    const text = localStorage.getItem(keyFor(name));
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** @param {string} name @param {unknown} value */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(keyFor(name));
    else localStorage.setItem(keyFor(name), JSON.stringify(value));
  } catch {
    // Nothing to do: what can't be stored is asked for again after a reload.
  }
}

const RESERVATIONS_KEPT = 10;

/** @param {string} eventId @returns {string[]} Newest first. */
export function recallReservations(eventId) {
  const ids = recall(`reservations:${eventId}`, /** @type {unknown[]} */ ([]));
  return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
}

/** @param {string} eventId @param {string} id */
export function rememberReservation(eventId, id) {
  const others = recallReservations(eventId).filter((known) => known !== id);
  remember(`reservations:${eventId}`, [id, ...others].slice(0, RESERVATIONS_KEPT));
}

/** @param {string} eventId @param {string} id */
export function forgetReservation(eventId, id) {
  remember(`reservations:${eventId}`, recallReservations(eventId).filter((known) => known !== id));
}
