// The state of one show: every seat's status, what the person chose, and what is theirs. No drawing, no network.

import { rememberReservation, forgetReservation } from "./storage.js";

/** @typedef {import("./types.js").Reservation} Reservation */
/** @typedef {import("./types.js").SeatStatus} SeatStatus */

// What a seat looks like to this person. The first three are also the statuses of the wire.
export const AVAILABLE = 0;
export const PENDING = 1;
export const RESERVED = 2;
export const CHOSEN = 3;
export const HELD = 4;
export const BOUGHT = 5;

/** @type {SeatStatus[]} */
const STATUS_NAMES = ["available", "pending", "reserved"];
const LETTERS = "apr";
const SETTLE_MS = 250;

/**
 * Fires `seats` (statuses changed), `chosen`, `reservation` and `lost` (detail: seats that went to someone else).
 */
export class Show extends EventTarget {
  /** @param {import("./types.js").ShowInfo} info @param {import("./chart.js").Chart} chart */
  constructor(info, chart) {
    super();
    this.info = info;
    this.chart = chart;
    this.position = -1;
    this.counts = info.counts ?? { available: 0, pending: 0, reserved: 0 };
    // Until the first message nothing is known, and a seat must not look free before it is known to be.
    /** @type {Uint8Array} */
    this.statuses = new Uint8Array(chart.count).fill(RESERVED);
    this.kinds = this.statuses.slice();
    /** @type {Set<number>} In the order of choosing. */
    this.chosen = new Set();
    /** @type {Map<number, number>} Own seats: HELD or BOUGHT. */
    this.own = new Map();
    /** @type {Map<string, Reservation & {endsAt: number}>} */
    this.reservations = new Map();
    /** @type {{position: number, statuses: Uint8Array}|null} A map that is still behind what is shown. */
    this.behind = null;
    this.holding = false;
  }

  /** @param {string} type @param {unknown} [detail] */
  fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** The whole map. @param {import("./types.js").SeatsMessage} message */
  applySeats(message) {
    const statuses = new Uint8Array(this.chart.count);
    for (let i = 0; i < statuses.length; i++) statuses[i] = Math.max(0, LETTERS.indexOf(message.statuses[i]));
    if (message.position < this.position) {
      // A server that is behind must not turn time back here. Its changes build on its own map, though, so that
      // map is kept aside and takes over once it has caught up.
      this.behind = { position: message.position, statuses };
      return;
    }
    this.behind = null;
    this.statuses = statuses;
    this.advance(message);
  }

  /** @param {import("./types.js").ChangeMessage} message */
  applyChange(message) {
    const base = this.behind ?? { position: this.position, statuses: this.statuses };
    if (message.position < base.position) return;
    for (const [label, status] of Object.entries(message.seats)) {
      const seat = this.chart.indexOf.get(label);
      if (seat !== undefined) base.statuses[seat] = Math.max(0, STATUS_NAMES.indexOf(status));
    }
    base.position = message.position;
    if (message.position < this.position) return;
    this.behind = null;
    this.statuses = base.statuses;
    this.advance(message);
  }

  /** @param {{position: number, counts: import("./types.js").Counts}} message */
  advance(message) {
    this.position = message.position;
    this.counts = message.counts;
    this.refreshKinds();
    this.fire("seats");
    // The map may bring our own hold before the answer to our request does, so judging waits a moment.
    if (this.lostSeats().length > 0) setTimeout(() => this.settle(), SETTLE_MS);
  }

  /** One pass over bytes is far below a millisecond even for the largest hall. */
  refreshKinds() {
    this.kinds.set(this.statuses);
    for (const seat of this.chosen) if (this.kinds[seat] === AVAILABLE) this.kinds[seat] = CHOSEN;
    for (const [seat, kind] of this.own) this.kinds[seat] = kind;
  }

  /** @returns {number[]} */
  lostSeats() {
    return [...this.chosen].filter((seat) => this.statuses[seat] !== AVAILABLE && !this.own.has(seat));
  }

  settle() {
    if (this.holding) return;
    const lost = this.lostSeats();
    if (lost.length === 0) return;
    this.deselect(lost);
    this.fire("lost", lost);
  }

  /** While a hold is being asked for, its seats turn pending because of us. @param {boolean} holding */
  setHolding(holding) {
    this.holding = holding;
    this.fire("chosen");
    if (!holding) setTimeout(() => this.settle(), SETTLE_MS);
  }

  /** @param {number} seat */
  choose(seat) {
    this.chosen.add(seat);
    this.chosenChanged();
  }

  /** @param {Iterable<number>} seats */
  deselect(seats) {
    for (const seat of seats) this.chosen.delete(seat);
    this.chosenChanged();
  }

  chosenChanged() {
    this.refreshKinds();
    this.fire("chosen");
  }

  /**
   * @param {Reservation} body
   * @param {number} measuredAt `performance.now()` at the moment that `expires_in_seconds` counts from.
   */
  applyReservation(body, measuredAt) {
    const known = this.reservations.get(body.reservation_id);
    if (known) {
      const ended = known.status !== "pending";
      if (ended || body.position < known.position) return;
    }
    let endsAt = measuredAt + body.expires_in_seconds * 1000;
    // Each answer has spent some time on the way. The earliest end is the safe one to show.
    if (known && body.status === "pending") endsAt = Math.min(endsAt, known.endsAt);
    this.reservations.set(body.reservation_id, { ...body, endsAt });

    if (body.status === "pending" || body.status === "reserved") rememberReservation(this.info.event_id, body.reservation_id);
    else forgetReservation(this.info.event_id, body.reservation_id);
    this.own = this.ownSeats();
    for (const seat of this.own.keys()) this.chosen.delete(seat);
    this.chosenChanged();
    this.fire("seats");
    this.fire("reservation", { before: known?.status ?? null, reservation: body });
  }

  /** @returns {Map<number, number>} */
  ownSeats() {
    const own = new Map();
    for (const { status, seats } of this.reservations.values()) {
      if (status !== "pending" && status !== "reserved") continue;
      for (const { seat } of seats) {
        const index = this.chart.indexOf.get(seat);
        if (index !== undefined) own.set(index, status === "reserved" ? BOUGHT : HELD);
      }
    }
    return own;
  }

  /** @returns {(Reservation & {endsAt: number})|null} The hold that ends first. */
  openHold() {
    const open = [...this.reservations.values()].filter((known) => known.status === "pending");
    return open.sort((a, b) => a.endsAt - b.endsAt)[0] ?? null;
  }

  /** What the person has bought, also before the last reload. @returns {string[]} */
  bookedLabels() {
    return [...this.reservations.values()].flatMap(({ status, seats }) => (status === "reserved" ? seats.map(({ seat }) => seat) : []));
  }

  /** @param {number} seat @returns {SeatStatus} */
  statusName(seat) {
    return STATUS_NAMES[this.statuses[seat]];
  }
}
