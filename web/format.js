// How money, times and seats are written on this page.

/** @typedef {import("./types.js").Money} Money */

// Amounts and counts follow the browser's own language. Times stand inside English sentences, so they are written in
// the person's kind of English, in their own time zone.
const ENGLISH = navigator.languages.find((language) => /^en\b/i.test(language)) ?? "en-GB";

/** @type {Map<string, Intl.NumberFormat>} */
const moneyFormats = new Map();

/** @param {string} currency @param {boolean} whole @returns {Intl.NumberFormat} */
function moneyFormat(currency, whole) {
  const key = `${currency} ${whole}`;
  let format = moneyFormats.get(key);
  if (!format) {
    const digits = whole ? { minimumFractionDigits: 0, maximumFractionDigits: 0 } : {};
    format = new Intl.NumberFormat(undefined, { style: "currency", currency, currencyDisplay: "narrowSymbol", ...digits });
    moneyFormats.set(key, format);
  }
  return format;
}

/** Yen have no minor unit and dinars have three digits, so the currency decides the divisor. @param {Money} money @returns {number} */
function wholeUnits({ amount, currency }) {
  return amount / 10 ** (moneyFormat(currency, false).resolvedOptions().maximumFractionDigits ?? 2);
}

/** @param {Money} money @returns {string} For example "€45.00", or "45,00 €" for a German reader. */
export function formatMoney(money) {
  return moneyFormat(money.currency, false).format(wholeUnits(money));
}

/** Whole amounts without their zeros, for the legend. @param {Money} money @returns {string} For example "€45". */
export function formatMoneyShort(money) {
  const units = wholeUnits(money);
  return moneyFormat(money.currency, Number.isInteger(units)).format(units);
}

/** @param {string} time RFC 3339. @returns {string} */
export function formatTime(time) {
  return new Intl.DateTimeFormat(ENGLISH, {
    weekday: "long", day: "numeric", month: "long", year: "numeric",
    hour: "numeric", minute: "2-digit", timeZoneName: "short",
  }).format(new Date(time));
}

/** @param {string} time RFC 3339. @returns {string} For example "19:42". */
export function formatHour(time) {
  return new Intl.DateTimeFormat(ENGLISH, { hour: "numeric", minute: "2-digit" }).format(new Date(time));
}

/** @param {number} seconds @returns {string} For example "3 days", "2:05:09" or "9:05". */
export function formatCountdown(seconds) {
  if (seconds >= 2 * 86_400) return formatCount(Math.floor(seconds / 86_400), "day");
  if (seconds < 3600) return formatClock(seconds);
  const hours = Math.floor(Math.ceil(seconds) / 3600);
  return `${hours}:${formatClock(Math.ceil(seconds) - hours * 3600).padStart(5, "0")}`;
}

/** @param {number} seconds @returns {string} For example "9:05". */
export function formatClock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {number} seconds @returns {string} For example "10 minutes" or "45 seconds". */
export function formatDuration(seconds) {
  return seconds < 120 ? formatCount(seconds, "second") : formatCount(Math.round(seconds / 60), "minute");
}

const numberFormat = new Intl.NumberFormat();

/** @param {number} number @returns {string} For example "1,204". */
export const formatNumber = (number) => numberFormat.format(number);

/** @param {number} count @param {string} [noun] @returns {string} For example "1 seat" or "1,204 seats". */
export function formatCount(count, noun = "seat") {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** @param {string[]} words @returns {string} For example "A, B and C". */
export function formatList(words) {
  if (words.length < 2) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

/** What each kind of seat is called, in the order of the constants in `show.js`. */
export const KIND_WORDS = ["available", "held by someone", "sold", "chosen by you", "held for you", "booked by you"];

/** @param {number} part @param {number} [digits] @returns {string} */
const pad = (part, digits = 2) => String(part).padStart(digits, "0");

/** @param {number} ms Since 1970. @returns {string} For example "19:42:07". Written by hand: a list writes thousands of them. */
export function formatSecond(ms) {
  const time = new Date(ms);
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
}

/** @param {number} ms Since 1970. @returns {string} For example "19:42:07.120". */
export const formatMoment = (ms) => `${formatSecond(ms)}.${pad(new Date(ms).getMilliseconds(), 3)}`;

const dayFormat = new Intl.DateTimeFormat(ENGLISH, { day: "numeric", month: "short", year: "numeric" });

/** @param {number} ms Since 1970. @returns {string} For example "31 Jan 2027". */
export const formatDay = (ms) => dayFormat.format(ms);

const dayInZoneFormat = new Intl.DateTimeFormat(ENGLISH, { day: "numeric", month: "short", year: "numeric", timeZoneName: "short" });

/** @param {number} ms Since 1970. @returns {string} For example "31 Jan 2027, CET". */
export const formatDayInZone = (ms) => dayInZoneFormat.format(ms);

/** @param {number} ms Since 1970. @returns {string} As a field for local times takes it: "2027-01-31T19:42:07". */
export function formatLocal(ms) {
  const time = new Date(ms);
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}T${formatSecond(ms)}`;
}
