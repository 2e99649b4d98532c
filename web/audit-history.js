// The history of one show as the page keeps it: columns of numbers and one table of texts.

import { HELD } from "./audit-pack.js";

/** @typedef {import("./audit-pack.js").Batch} Batch */
/** @typedef {Float64Array|Uint32Array|Uint8Array} Column */

const FIRST_CAPACITY = 4096;

/**
 * Puts values behind those that a column has, in a larger column when they don't fit.
 * @template {Column} T
 * @param {T} column @param {number} used @param {Column|number[]} added @returns {T}
 */
export function joined(column, used, added) {
  let target = column;
  if (used + added.length > column.length) {
    const Type = /** @type {new (length: number) => T} */ (column.constructor);
    target = new Type(Math.max(column.length * 2, used + added.length));
    target.set(column.subarray(0, used));
  }
  target.set(added, used);
  return target;
}

/** Facts are numbered from 0 here; a fact's `position` counts from 1. */
export class History {
  constructor() {
    this.count = 0;
    /** @type {string[]} */
    this.strings = [""];
    this.logPosition = new Float64Array(FIRST_CAPACITY);
    this.position = new Float64Array(FIRST_CAPACITY);
    this.time = new Float64Array(FIRST_CAPACITY);
    /** Like `time`, but never earlier than the fact before: servers' clocks differ a little, and a search needs order. */
    this.clock = new Float64Array(FIRST_CAPACITY);
    this.expires = new Float64Array(FIRST_CAPACITY);
    this.type = new Uint8Array(FIRST_CAPACITY);
    this.subject = new Uint32Array(FIRST_CAPACITY);
    this.reservation = new Uint32Array(FIRST_CAPACITY);
    this.payment = new Uint32Array(FIRST_CAPACITY);
    this.seatEnd = new Uint32Array(FIRST_CAPACITY);
    this.seats = new Uint32Array(FIRST_CAPACITY);
    /** Who held each reservation's seats, by the numbers of both texts. @type {Map<number, number>} */
    this.holders = new Map();
  }

  /** @param {Batch} batch */
  append(batch) {
    const { count } = this;
    const seatCount = this.seatCount;
    for (const text of batch.strings) this.strings.push(text);
    this.logPosition = joined(this.logPosition, count, batch.logPosition);
    this.position = joined(this.position, count, batch.position);
    this.time = joined(this.time, count, batch.time);
    this.clock = joined(this.clock, count, batch.time);
    this.expires = joined(this.expires, count, batch.expires);
    this.type = joined(this.type, count, batch.type);
    this.subject = joined(this.subject, count, batch.subject);
    this.reservation = joined(this.reservation, count, batch.reservation);
    this.payment = joined(this.payment, count, batch.payment);
    this.seatEnd = joined(this.seatEnd, count, batch.seatEnd.map((end) => end + seatCount));
    this.seats = joined(this.seats, seatCount, batch.seats);
    this.count += batch.type.length;
    for (let i = count; i < this.count; i++) {
      if (i > 0 && this.clock[i] < this.clock[i - 1]) this.clock[i] = this.clock[i - 1];
      if (this.type[i] === HELD) this.holders.set(this.reservation[i], this.subject[i]);
    }
  }

  /** @returns {number} Of all facts together. */
  get seatCount() {
    return this.count === 0 ? 0 : this.seatEnd[this.count - 1];
  }

  /** @returns {number} */
  get lastLogPosition() {
    return this.count === 0 ? 0 : this.logPosition[this.count - 1];
  }

  /** @returns {number} The facts before the first that is about seats. */
  get countBeforeSale() {
    return this.seatCount === 0 ? 0 : countUpTo(this.seatEnd, this.count, 0);
  }

  /** @param {number} fact @returns {number} Where its seats begin in `seats`. */
  seatStart(fact) {
    return fact === 0 ? 0 : this.seatEnd[fact - 1];
  }

  /** @param {number} fact @returns {Uint32Array} */
  seatsOf(fact) {
    return this.seats.subarray(this.seatStart(fact), this.seatEnd[fact]);
  }

  /** An expiry is nobody's doing, so the one it concerns is who held the seats. @param {number} fact @returns {string} */
  personOf(fact) {
    return this.strings[this.holders.get(this.reservation[fact]) ?? this.subject[fact]];
  }

  /** @param {number} seat @param {number} [end] Only facts before this one. @returns {number[]} The facts about a seat. */
  about(seat, end = this.count) {
    const found = [];
    for (let fact = 0, k = 0; fact < end; fact++) {
      for (const last = this.seatEnd[fact]; k < last; k++) if (this.seats[k] === seat) found.push(fact);
    }
    return found;
  }

  /** @param {number} time @returns {number} How many facts there were then. */
  countAt(time) {
    return countUpTo(this.clock, this.count, time);
  }

  /** @param {number} position @returns {number} How many facts there were at that position. */
  countAtPosition(position) {
    return countUpTo(this.position, this.count, position);
  }
}

/** @param {Float64Array|Uint32Array} column In order. @param {number} count @param {number} value @returns {number} How many are at most `value`. */
export function countUpTo(column, count, value) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
