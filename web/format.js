// How money, times and seats are written on this page.

/** @typedef {import("./types.js").Money} Money */

/** @type {Map<string, Intl.NumberFormat>} */
const moneyFormats = new Map();

/** @param {Money} money @returns {string} For example "€45.00". */
export function formatMoney({ amount, currency }) {
  let format = moneyFormats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" });
    moneyFormats.set(currency, format);
  }
  // Yen have no minor unit and dinars have three digits, so the currency decides the divisor.
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(amount / 10 ** digits);
}

/** Whole amounts without their zeros, for the legend. @param {Money} money @returns {string} For example "€45". */
export const formatMoneyShort = (money) => formatMoney(money).replace(/\.0+$/, "");

/** @param {string} time RFC 3339. @returns {string} */
export function formatTime(time) {
  return new Intl.DateTimeFormat("en-GB", {
    weekday: "long", day: "numeric", month: "long", year: "numeric",
    hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  }).format(new Date(time));
}

/** @param {number} seconds @returns {string} For example "9:05". */
export function formatClock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {number} count @param {string} [noun] @returns {string} For example "1 seat" or "1,204 seats". */
export function formatCount(count, noun = "seat") {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {string[]} words @returns {string} For example "A, B and C". */
export function formatList(words) {
  if (words.length < 2) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/** What each kind of seat is called, in the order of the constants in `show.js`. */
export const KIND_WORDS = ["available", "held by someone", "sold", "chosen by you", "held for you", "booked by you"];
