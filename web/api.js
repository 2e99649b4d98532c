// Speaks HTTP with the server: the session, problems, retries and idempotency keys.

import { recall, remember } from "./storage.js";

const TRIES_MAX = 5;
const WAIT_LONGEST_MS = 20_000;

/** An answer that is a refusal: an RFC 9457 problem. */
export class Problem extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    super(body?.detail || body?.title || `The server answered with status ${status}.`);
    this.status = status;
    /** @type {string} */
    this.code = body?.code ?? "";
    this.body = body ?? {};
  }
}

/** The server could not be reached, so nobody knows whether the request took effect. */
export class Unreachable extends Error {
  constructor() {
    super("The server can't be reached. Please check your connection and try again.");
  }
}

/** @param {number} ms @returns {Promise<void>} */
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** @returns {string} A fresh key. `crypto.randomUUID` is missing on plain HTTP, which self-hosters use. */
export function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Response} response @returns {number} Milliseconds, or 0 when the header is absent. */
export function retryAfterMs(response) {
  const header = response.headers.get("retry-after");
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Math.min(WAIT_LONGEST_MS, Math.max(0, ms || 0));
}

/** @type {Promise<string>|null} */
let opening = null;

/** @returns {Promise<string>} The bearer token, opening a session when there is none. */
export function sessionToken() {
  const known = recall("session", /** @type {any} */ (null));
  if (known?.token) return Promise.resolve(known.token);
  // Several requests start together when the page opens; they must share one guest.
  opening ??= request("POST", "/session", { anonymous: true })
    .then(({ body }) => (remember("session", body), body.token))
    .finally(() => { opening = null; });
  return opening;
}

/** Another request may have renewed the session meanwhile; only the refused token is dropped. @param {string} refused */
export function dropSession(refused) {
  if (recall("session", /** @type {any} */ (null))?.token === refused) remember("session", null);
}

/** Keys of requests whose outcome is unknown. Asking for the same again must not do it twice. @type {Map<string, string>} */
const doubtful = new Map();

/**
 * @typedef {object} Options
 * @property {unknown} [body]
 * @property {boolean} [anonymous] Reading shows needs no token.
 * @property {boolean} [keyed] Send an Idempotency-Key.
 * @property {Record<string, string>} [headers]
 * @property {(seconds: number) => void} [onWait] Told when the server asks to come back later.
 */

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<{status: number, body: any, sentAt: number}>} `sentAt` is `performance.now()` at the first try:
 *   a repeated answer is the first one byte for byte, so its "seconds left" count from there.
 */
export async function request(method, path, options = {}) {
  const text = options.body === undefined ? undefined : JSON.stringify(options.body);
  const what = `${method} ${path} ${text ?? ""}`;
  const key = options.keyed ? doubtful.get(what) ?? freshKey() : null;
  const sentAt = performance.now();
  let renewed = false;

  for (let tries = 1; ; tries++) {
    const token = options.anonymous ? null : await sessionToken();
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json", ...options.headers };
    if (token) headers.authorization = `Bearer ${token}`;
    if (key) headers["idempotency-key"] = key;
    if (text !== undefined) headers["content-type"] = "application/json";

    let response, body;
    try {
      response = await fetch(path, { method, headers, body: text });
      body = await response.text();
    } catch {
      if (tries < TRIES_MAX) {
        await sleep(300 * 2 ** tries * (0.5 + Math.random() / 2));
        continue;
      }
      if (key) doubtful.set(what, key);
      throw new Unreachable();
    }

    if (response.status === 401 && token && !renewed) {
      renewed = true;
      dropSession(token);
      continue;
    }
    if ((response.status === 503 || response.status === 429) && tries < TRIES_MAX) {
      const wait = Math.max(500, retryAfterMs(response)) * (1 + Math.random() / 4);
      options.onWait?.(Math.ceil(wait / 1000));
      await sleep(wait);
      continue;
    }
    // After a 503 too, the outcome may be unknown: the key stays for the next attempt.
    if (response.status >= 500 && key) doubtful.set(what, key);
    else doubtful.delete(what);
    if (!response.ok) throw new Problem(response.status, parse(body));
    return { status: response.status, body: parse(body), sentAt };
  }
}

/** A proxy's error page is not JSON; the status alone must do then. @param {string} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
