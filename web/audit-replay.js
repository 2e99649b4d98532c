// The seats at any moment of a history. Keyframes bound the way to a moment: the nearest one before it, then fact by fact.

import { EXPIRED, HELD, RELEASED, SOLD } from "./audit-pack.js";
import { joined } from "./audit-history.js";
import { AVAILABLE, PENDING, RESERVED } from "./show.js";

/** The most facts that one jump replays. */
const KEYFRAME_FACTS = 1000;
const BREACHES_KEPT = 100;

export class Replay {
  /** @param {import("./audit-history.js").History} history @param {number} seatCount */
  constructor(history, seatCount) {
    this.history = history;
    this.seatCount = seatCount;
    /** The seats after the first `at` facts. */
    this.statuses = new Uint8Array(seatCount);
    this.at = 0;
    /** @type {Uint8Array[]} The seats after 0, 1,000, 2,000, … facts. */
    this.keyframes = [];
    /** How many seats were held and sold after each fact. */
    this.pending = new Uint32Array(1024);
    this.reserved = new Uint32Array(1024);
    /** Facts that contradict those before them. There should be none. @type {number[]} */
    this.breaches = [];
    this.tip = { count: 0, pending: 0, reserved: 0, statuses: new Uint8Array(seatCount), reservation: new Uint32Array(seatCount) };
  }

  /** Takes in what the history has gained. */
  extend() {
    const { history, tip } = this;
    const from = tip.count;
    const pending = new Uint32Array(history.count - from);
    const reserved = new Uint32Array(history.count - from);
    for (; tip.count < history.count; tip.count++) {
      if (tip.count % KEYFRAME_FACTS === 0) this.keyframes.push(tip.statuses.slice());
      if (!this.follow(tip.count) && this.breaches.length < BREACHES_KEPT) this.breaches.push(tip.count);
      pending[tip.count - from] = tip.pending;
      reserved[tip.count - from] = tip.reserved;
    }
    this.pending = joined(this.pending, from, pending);
    this.reserved = joined(this.reserved, from, reserved);
  }

  /**
   * Applies one fact at the tip, and judges it: a seat is held only when free, and paid for or given back only by the
   * reservation that holds it.
   * @param {number} fact @returns {boolean} Whether it agrees with the facts before it.
   */
  follow(fact) {
    const { history, tip } = this;
    const status = statusAfter(history.type[fact]);
    if (status < 0) return true;
    const reservation = history.reservation[fact];
    let agrees = true;
    for (let k = history.seatStart(fact); k < history.seatEnd[fact]; k++) {
      const seat = history.seats[k];
      const before = tip.statuses[seat];
      agrees &&= status === PENDING ? before === AVAILABLE : before === PENDING && tip.reservation[seat] === reservation;
      tip.pending += Number(status === PENDING) - Number(before === PENDING);
      tip.reserved += Number(status === RESERVED) - Number(before === RESERVED);
      tip.statuses[seat] = status;
      tip.reservation[seat] = reservation;
    }
    return agrees;
  }

  /** Goes to the moment after the first `at` facts. @param {number} at */
  seek(at) {
    const frame = Math.min(Math.floor(at / KEYFRAME_FACTS), this.keyframes.length - 1);
    const frameAt = Math.max(0, frame * KEYFRAME_FACTS);
    if (at < this.at || frameAt > this.at) {
      if (frame < 0) this.statuses.fill(AVAILABLE);
      else this.statuses.set(this.keyframes[frame]);
      this.at = frameAt;
    }
    const { history, statuses } = this;
    for (; this.at < at; this.at++) {
      const status = statusAfter(history.type[this.at]);
      if (status < 0) continue;
      for (let k = history.seatStart(this.at); k < history.seatEnd[this.at]; k++) statuses[history.seats[k]] = status;
    }
  }

  /** @returns {import("./types.js").Counts} At the moment sought last. */
  counts() {
    const pending = this.at === 0 ? 0 : this.pending[this.at - 1];
    const reserved = this.at === 0 ? 0 : this.reserved[this.at - 1];
    return { available: this.seatCount - pending - reserved, pending, reserved };
  }
}

/** @param {number} type Of a fact. @returns {number} How it leaves its seats, or -1 when it is about none. */
function statusAfter(type) {
  if (type === HELD) return PENDING;
  if (type === SOLD) return RESERVED;
  return type === RELEASED || type === EXPIRED ? AVAILABLE : -1;
}
