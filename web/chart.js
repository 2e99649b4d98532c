// The layout of a hall, in flat arrays: 100,000 seats as objects would cost more than drawing them.

import { formatList } from "./format.js";

/** @typedef {import("./types.js").ChartBody} ChartBody */
/** @typedef {import("./types.js").Money} Money */
/** @typedef {{section: number, name: string, first: number, count: number}} Row */
/** @typedef {{name: string, firstRow: number, rowCount: number, first: number, count: number}} Section */

const CELL_CM = 300;
const PITCH_CM = 55;

/** How many colours the theme has for prices. */
export const BANDS_MAX = 6;

export class Chart {
  /** @param {ChartBody} body */
  constructor(body) {
    const seats = body.seats;
    this.count = seats.length;
    this.pitch = PITCH_CM;
    this.stage = body.stage;
    this.x = new Float32Array(this.count);
    this.y = new Float32Array(this.count);
    this.rowOf = new Uint32Array(this.count);
    this.band = new Uint8Array(this.count);
    /** @type {string[]} */
    this.labels = new Array(this.count);
    /** @type {string[]} */
    this.numbers = new Array(this.count);
    /** @type {Money[]} */
    this.prices = new Array(this.count);
    /** @type {Map<string, number>} */
    this.indexOf = new Map();
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Section[]} */
    this.sections = [];
    seats.forEach((seat, index) => this.add(seat, index));
    this.bands = this.groupPrices();
    this.bounds = this.measure();
    this.grid = this.buildGrid();
  }

  /** @param {import("./types.js").ChartSeat} seat @param {number} index */
  add(seat, index) {
    this.x[index] = seat.x;
    this.y[index] = seat.y;
    this.labels[index] = seat.seat;
    this.numbers[index] = String(seat.number);
    this.prices[index] = seat.price;
    this.indexOf.set(seat.seat, index);
    let section = this.sections[this.sections.length - 1];
    if (!section || section.name !== seat.section) {
      section = { name: seat.section, firstRow: this.rows.length, rowCount: 0, first: index, count: 0 };
      this.sections.push(section);
    }
    let row = this.rows[this.rows.length - 1];
    if (section.rowCount === 0 || row.name !== seat.row) {
      row = { section: this.sections.length - 1, name: seat.row, first: index, count: 0 };
      this.rows.push(row);
      section.rowCount++;
    }
    row.count++;
    section.count++;
    this.rowOf[index] = this.rows.length - 1;
  }

  /**
   * One band per price, dearest first. More prices than colours share the last colours by rank.
   * @returns {{from: Money, to: Money}[]}
   */
  groupPrices() {
    const amounts = [...new Set(this.prices.map((price) => price.amount))].sort((a, b) => b - a);
    const bandCount = Math.min(BANDS_MAX, amounts.length);
    const bandOf = new Map(amounts.map((amount, rank) => [amount, Math.floor((rank * bandCount) / amounts.length)]));
    /** @type {{from: Money, to: Money}[]} */
    const bands = [];
    for (let i = 0; i < this.count; i++) {
      const price = this.prices[i];
      const band = bandOf.get(price.amount) ?? 0;
      this.band[i] = band;
      const known = (bands[band] ??= { from: price, to: price });
      if (price.amount < known.from.amount) known.from = price;
      if (price.amount > known.to.amount) known.to = price;
    }
    return bands;
  }

  /** @returns {{left: number, top: number, right: number, bottom: number}} */
  measure() {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < this.count; i++) {
      left = Math.min(left, this.x[i]);
      right = Math.max(right, this.x[i]);
      top = Math.min(top, this.y[i]);
      bottom = Math.max(bottom, this.y[i]);
    }
    if (this.stage) {
      left = Math.min(left, this.stage.x);
      right = Math.max(right, this.stage.x + this.stage.width);
      top = Math.min(top, this.stage.y);
      bottom = Math.max(bottom, this.stage.y + this.stage.height);
    }
    return this.count > 0 || this.stage ? { left, top, right, bottom } : { left: 0, top: 0, right: 1, bottom: 1 };
  }

  /**
   * Seats sorted by square of the floor, so that a point or a window finds its seats without looking at all.
   * @returns {{columns: number, lines: number, start: Uint32Array, seats: Uint32Array}}
   */
  buildGrid() {
    const { left, top, right, bottom } = this.bounds;
    const columns = Math.floor((right - left) / CELL_CM) + 1;
    const lines = Math.floor((bottom - top) / CELL_CM) + 1;
    const start = new Uint32Array(columns * lines + 1);
    const seats = new Uint32Array(this.count);
    const cellOf = (/** @type {number} */ i) => Math.floor((this.y[i] - top) / CELL_CM) * columns + Math.floor((this.x[i] - left) / CELL_CM);
    for (let i = 0; i < this.count; i++) start[cellOf(i) + 1]++;
    for (let c = 0; c < columns * lines; c++) start[c + 1] += start[c];
    const next = start.slice();
    for (let i = 0; i < this.count; i++) seats[next[cellOf(i)]++] = i;
    return { columns, lines, start, seats };
  }

  /**
   * @param {number} left @param {number} top @param {number} right @param {number} bottom
   * @param {(seat: number) => void} visit Called for each seat in or just beside the window.
   */
  within(left, top, right, bottom, visit) {
    const clamp = (/** @type {number} */ value, /** @type {number} */ max) => Math.max(0, Math.min(max, Math.floor(value)));
    const { columns, lines, start, seats } = this.grid;
    const c0 = clamp((left - this.bounds.left) / CELL_CM, columns - 1);
    const c1 = clamp((right - this.bounds.left) / CELL_CM, columns - 1);
    const l0 = clamp((top - this.bounds.top) / CELL_CM, lines - 1);
    const l1 = clamp((bottom - this.bounds.top) / CELL_CM, lines - 1);
    for (let line = l0; line <= l1; line++) {
      const from = start[line * columns + c0];
      const to = start[line * columns + c1 + 1];
      for (let k = from; k < to; k++) visit(seats[k]);
    }
  }

  /** @param {number} x @param {number} y @param {number} reach @returns {number} The nearest seat, or -1. */
  nearest(x, y, reach) {
    let best = -1;
    let bestSquare = reach * reach;
    this.within(x - reach, y - reach, x + reach, y + reach, (i) => {
      const square = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (square <= bestSquare) [best, bestSquare] = [i, square];
    });
    return best;
  }

  /** @param {number} seat @returns {string} For example "Stalls, row A, seat 14". */
  describe(seat) {
    const row = this.rows[this.rowOf[seat]];
    return `${this.sections[row.section].name}, row ${row.name}, seat ${this.numbers[seat]}`;
  }

  /** @param {number} seat @returns {{section: string, place: string}} For example "Stalls" and "Row A, seat 14". */
  parts(seat) {
    const row = this.rows[this.rowOf[seat]];
    return { section: this.sections[row.section].name, place: `Row ${row.name}, seat ${this.numbers[seat]}` };
  }

  /**
   * Several seats in one breath: their rows are named once each.
   * @param {string[]} labels @returns {string} For example "Stalls, row A, seats 13 and 14".
   */
  describeAll(labels) {
    /** @type {Map<string, string[]>} */
    const rows = new Map();
    for (const label of labels) {
      const seat = this.indexOf.get(label);
      const row = seat === undefined ? undefined : this.rows[this.rowOf[seat]];
      const place = row ? `${this.sections[row.section].name}, row ${row.name}` : "";
      rows.set(place, [...(rows.get(place) ?? []), seat === undefined ? label : this.numbers[seat]]);
    }
    const parts = [...rows].map(([place, numbers]) => {
      const seats = `seat${numbers.length === 1 ? "" : "s"} ${formatList(numbers)}`;
      return place ? `${place}, ${seats}` : seats;
    });
    return parts.join("; ");
  }
}
