// The waiting room of a hot show: where this person stands, kept across reloads, and the requests that change it.
// No drawing: `waiting-panel.js` and `turn.js` do that.

import { Problem, request } from "./api.js";
import { forward, isOlder } from "./queue-place.js";
import { recall, remember } from "./storage.js";

/** @typedef {import("./types.js").QueueBody} QueueBody */
/** @typedef {import("./types.js").QueuePlace} QueuePlace */
/** @typedef {import("./types.js").RoomSummary} RoomSummary */

/**
 * "free": the show has no waiting room. "asking": not known yet. "door": there is one, and the person has not joined.
 * The others are the states of his place.
 * @typedef {"free"|"asking"|"door"|QueuePlace["state"]} Phase
 */

/**
 * @typedef {object} Kept What survives a reload.
 * @property {string} ticket
 * @property {QueuePlace} place
 * @property {number|null} firstAhead How many were ahead when first asked: the start of the progress bar.
 * @property {boolean} [hasLeft] His own wish ended it.
 */

// When the sale begins, all who look at its door ask at once; they are spread over so long.
const SALE_SPREAD_MS = 5000;
const SALE_MARGIN_MS = 1000;
// Whoever has not joined is shown how full the room is, a little late.
const DOOR_LOOK_MS = 10_000;
const TIMER_LONGEST_MS = 2 ** 31 - 1;

/** Fires `change`. */
export class Queue extends EventTarget {
  /** @param {import("./types.js").ShowInfo} info */
  constructor(info) {
    super();
    this.info = info;
    this.showPath = `/events/${encodeURIComponent(info.event_id)}`;
    this.path = `${this.showPath}/queue`;
    this.storeName = `queue:${info.event_id}`;
    /** @type {Kept|null} */
    this.kept = recall(this.storeName, /** @type {any} */ (null));
    if (!this.kept?.ticket || !this.kept.place) this.kept = null;
    /** @type {"free"|"asking"|"door"|"sold_out"} Where someone stands who has no ticket. */
    this.outside = info.waiting_room ? "asking" : "free";
    /** @type {RoomSummary|null} As it was when the door was looked at. */
    this.room = null;
    /** The hash of the draw's seed, published before the draw. */
    this.seedHash = "";
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.doorTimer = undefined;
    this.busy = false;
    this.trouble = "";
    /** @type {() => void} Called when the stream must carry another ticket. */
    this.onTicket = () => {};
  }

  /** @returns {Phase} */
  get phase() {
    return this.kept?.place.state ?? this.outside;
  }

  /** @returns {boolean} Whether seats may be chosen. */
  get isOpen() {
    return this.phase === "free" || this.phase === "admitted";
  }

  /** @returns {boolean} Whether the server counts on the person being there. */
  get isPresent() {
    return this.phase === "waiting" || this.phase === "admitted";
  }

  /** @returns {Record<string, string>} */
  headers() {
    const pass = this.kept?.place.pass;
    return pass ? { "queue-pass": pass } : {};
  }

  /** @returns {string} */
  streamQuery() {
    return this.kept && this.isPresent ? `?ticket=${encodeURIComponent(this.kept.ticket)}` : "";
  }

  async open() {
    if (this.outside === "free") return;
    if (this.info.on_sale_at) this.askForSeedHash();
    if (this.kept) await this.resume();
    else await this.look();
  }

  look() {
    return this.attempt(() => this.comeToDoor());
  }

  /** Without a ticket. */
  async comeToDoor() {
    /** @type {{body: import("./types.js").RoomBody}} */
    const { body: room } = await request("GET", `${this.showPath}/waiting-room`, { anonymous: true });
    this.room = room;
    if (room.state === "sold_out") {
      this.outside = "sold_out";
    } else if (room.state === "open" && !room.is_full) {
      // He would be let in at once, so a button would only be in his way. A room that is full (a paused one is, too) or not
      // open means a wait, and whether to wait is his to say: a person who only looks should not take a number.
      await this.enter();
    } else {
      this.outside = "door";
      this.lookAgain(room.state === "before_sale");
    }
  }

  /** Who only looks at the door gets no messages about it. @param {boolean} isBeforeSale */
  lookAgain(isBeforeSale) {
    const until = isBeforeSale ? Math.max(0, Date.parse(this.info.on_sale_at ?? "") - Date.now() || 0) + SALE_MARGIN_MS : DOOR_LOOK_MS;
    const delay = until + Math.random() * SALE_SPREAD_MS;
    clearTimeout(this.doorTimer);
    if (delay >= TIMER_LONGEST_MS) return;
    this.doorTimer = setTimeout(async () => {
      if (this.phase !== "door") return;
      // In a tab that nobody looks at, a turn would be wasted. And it is no `attempt`: the button must not go dead meanwhile.
      if (document.hidden || this.busy) return this.lookAgain(isBeforeSale);
      await this.comeToDoor().catch(() => this.lookAgain(isBeforeSale));
      this.changed();
    }, delay);
  }

  join() {
    return this.attempt(() => this.enter());
  }

  async enter() {
    /** @type {{body: QueueBody}} */
    const { body } = await request("POST", this.path, { keyed: true, onWait: (seconds) => this.waitFor(seconds) });
    const { ticket, ...place } = body;
    this.keep({ ticket, place, firstAhead: place.ahead });
    this.onTicket();
  }

  /** After a reload, or when the stream was refused: the ticket says who asks, the answer where he stands now. */
  resume() {
    const { kept } = this;
    if (!kept) return Promise.resolve();
    return this.attempt(async () => {
      try {
        /** @type {{body: QueueBody}} */
        const { body } = await request("GET", this.path, { headers: { "queue-ticket": kept.ticket } });
        const { ticket, ...place } = body;
        this.advance(place, ticket);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        // The ticket is another server's, or this guest has become another one. The stream must not go on trying it.
        this.keep(null);
        this.onTicket();
        await this.comeToDoor();
      }
    });
  }

  leave() {
    const { kept } = this;
    if (!kept) return Promise.resolve();
    return this.attempt(async () => {
      try {
        await request("DELETE", this.path, { headers: { "queue-ticket": kept.ticket }, onWait: (seconds) => this.waitFor(seconds) });
      } catch (error) {
        // What the server does not know of can't be kept either.
        if (!isRefusal(error)) throw error;
      }
      this.end(true);
    });
  }

  /** A request for seats was refused for want of a valid pass. */
  refused() {
    if (this.kept) this.end(false);
    else this.look();
  }

  /** @param {boolean} hasLeft */
  end(hasLeft) {
    if (!this.kept) return;
    const { pass, pass_expires_at, ...place } = this.kept.place;
    this.keep({ ...this.kept, place: { ...place, state: "over" }, hasLeft });
  }

  /** @param {QueuePlace} place Told by the stream, or by an answer that has also brought a ticket. @param {string} [ticket] */
  advance(place, ticket) {
    const { kept } = this;
    if (!kept || isOlder(kept.place, place)) return;
    const next = forward(kept.place, place);
    this.keep({ ...kept, ticket: ticket ?? kept.ticket, place: next, firstAhead: kept.firstAhead ?? next.ahead });
  }

  /** @param {Kept|null} kept */
  keep(kept) {
    this.kept = kept;
    remember(this.storeName, kept);
    this.changed();
  }

  async askForSeedHash() {
    try {
      /** @type {{body: import("./types.js").RoomBody}} */
      const { body } = await request("GET", `${this.showPath}/waiting-room`, { anonymous: true });
      this.seedHash = body.seed_sha256 ?? "";
      this.changed();
    } catch {
      // The hash is small print: without it the room works as well.
    }
  }

  /** @param {() => Promise<void>} work */
  async attempt(work) {
    if (this.busy) return;
    this.busy = true;
    this.trouble = "";
    this.changed();
    try {
      await work();
      this.trouble = "";
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.trouble = error.message;
      // Whatever could not be found out: the person can always ask to be let in.
      if (this.outside === "asking") this.outside = "door";
    } finally {
      this.busy = false;
      this.changed();
    }
  }

  /** @param {number} seconds */
  waitFor(seconds) {
    this.trouble = `Many people are joining. Trying again in ${seconds} s.`;
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {unknown} error @returns {boolean} A plain no, which asking again would not change. */
function isRefusal(error) {
  return error instanceof Problem && error.status < 500 && error.status !== 429;
}
