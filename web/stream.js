// Keeps one live stream open: reconnects where it stopped, and rests while nobody looks.

import { dropSession, retryAfterMs, sessionToken } from "./api.js";
import { SseParser } from "./sse.js";

const SILENCE_MS = 40_000; // The server sends at least a comment every 15 s.
const HIDDEN_MS = 60_000;
const DELAY_LONGEST_MS = 30_000;

/**
 * @typedef {object} StreamOptions
 * @property {() => string} url Asked for at each connection, since a waiting-room ticket may join it.
 * @property {(message: import("./sse.js").SseMessage) => void} onMessage
 * @property {(live: boolean) => void} onLive
 * @property {() => void} onRefused The server wants nothing of the url as it is.
 * @property {() => boolean} mayRest Whether the stream may close while nobody looks. Someone in a waiting room must stay there.
 */

export class LiveStream {
  /** @param {StreamOptions} options */
  constructor(options) {
    this.options = options;
    this.lastId = "";
    this.retryMs = 1000;
    this.failures = 0;
    this.resting = false;
    this.hurried = false;
    this.heardAt = 0;
    /** @type {AbortController|null} */
    this.connection = null;
    /** @type {(() => void)|null} Ends the pause between two connections early. */
    this.wake = null;
    this.watchPage();
    this.run();
  }

  /** Drops the connection, if any, and connects again at once. */
  reconnect() {
    this.failures = 0;
    this.hurried = true;
    this.connection?.abort();
    this.wake?.();
  }

  watchPage() {
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) {
        timer = setTimeout(() => this.rest(), HIDDEN_MS);
      } else if (this.resting || !this.connection) {
        this.resting = false;
        this.reconnect();
      } else {
        this.checkSilence();
      }
    });
    addEventListener("online", () => this.reconnect());
    // A page that the browser keeps for the way back would keep one of its few connections to the server, too.
    addEventListener("pagehide", () => this.connection?.abort());
    addEventListener("pageshow", (event) => { if (event.persisted) this.reconnect(); });
    setInterval(() => this.checkSilence(), 5000);
  }

  rest() {
    if (!this.options.mayRest()) return;
    this.resting = true;
    this.connection?.abort();
  }

  /** A dead socket looks like a quiet one; only the missing comments tell them apart. */
  checkSilence() {
    if (this.connection && performance.now() - this.heardAt > SILENCE_MS) this.connection.abort();
  }

  async run() {
    for (;;) {
      if (this.resting) {
        await this.pause(Infinity);
        continue;
      }
      let askedToWait = 0;
      try {
        askedToWait = await this.connect();
      } catch {
        // A cut, an abort and an unreachable server are all the same here: try again.
      }
      this.connection = null;
      this.options.onLive(false);
      // Jitter keeps a whole audience from coming back in the same instant.
      const grown = Math.min(DELAY_LONGEST_MS, this.retryMs * 2 ** this.failures);
      this.failures++;
      if (!this.resting && !this.hurried) await this.pause(Math.max(askedToWait, grown * (0.5 + Math.random() / 2)));
      this.hurried = false;
    }
  }

  /** @param {number} ms @returns {Promise<void>} */
  async pause(ms) {
    await new Promise((/** @type {(value?: unknown) => void} */ done) => {
      this.wake = done;
      if (Number.isFinite(ms)) setTimeout(done, ms);
    });
    this.wake = null;
  }

  /** @returns {Promise<number>} How long the server asks to stay away, in milliseconds. */
  async connect() {
    const token = await sessionToken();
    const connection = new AbortController();
    this.connection = connection;
    this.heardAt = performance.now();
    /** @type {Record<string, string>} */
    const headers = { accept: "text/event-stream", authorization: `Bearer ${token}` };
    if (this.lastId) headers["last-event-id"] = this.lastId;
    const response = await fetch(this.options.url(), { headers, cache: "no-store", signal: connection.signal });
    if (response.status === 401) dropSession(token);
    if (response.status === 400) this.options.onRefused();
    if (!response.ok || !response.body) return retryAfterMs(response);

    const parser = new SseParser(
      (message) => {
        this.lastId = message.id;
        this.failures = 0;
        this.options.onMessage(message);
      },
      (ms) => { this.retryMs = Math.min(DELAY_LONGEST_MS, Math.max(100, ms)); },
    );
    parser.lastId = this.lastId;
    this.options.onLive(true);
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 0;
      this.heardAt = performance.now();
      parser.push(value);
    }
  }
}
