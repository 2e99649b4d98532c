// Packs facts into columns of numbers: 100,000 facts as objects would cost a hundred times the memory and stall the page.

/** The types of facts, in the order of their codes. */
export const TYPES = [
  "show_scheduled", "seats_held", "seats_reserved", "hold_released", "hold_expired",
  "room_changed", "line_drawn", "room_opened", "room_moved", "room_closed",
];
export const HELD = 1;
export const SOLD = 2;
export const RELEASED = 3;
export const EXPIRED = 4;
/** A type that a later release may have. */
export const OTHER = TYPES.length;

/**
 * @typedef {object} Batch Facts in the order of the log. Texts are numbers of `strings`, where 0 is no text.
 * @property {string[]} strings Those that were not in an earlier batch.
 * @property {Float64Array} logPosition
 * @property {Float64Array} position
 * @property {Float64Array} time Milliseconds since 1970.
 * @property {Float64Array} expires When the hold ends, or 0.
 * @property {Uint8Array} type
 * @property {Uint32Array} subject
 * @property {Uint32Array} reservation
 * @property {Uint32Array} payment
 * @property {Uint32Array} seatEnd Where each fact's seats end in `seats`.
 * @property {Uint32Array} seats Places in the chart.
 */

export class FactPacker {
  /** @param {string[]} labels The seats in chart order. */
  constructor(labels) {
    /** @type {Map<string, number>} */
    this.seatOf = new Map(labels.map((label, seat) => [label, seat]));
    /** @type {Map<string, number>} */
    this.numberOf = new Map([["", 0]]);
    this.lastPosition = 0;
    /** @type {string[]} */
    this.strings = [];
    /** One column each, in the order of `flush`. */
    this.columns = emptyColumns();
    /** @type {number[]} */
    this.seats = [];
  }

  /** @returns {number} Facts since the last flush. */
  get count() {
    return this.columns[0].length;
  }

  /** @param {string|null|undefined} text @returns {number} */
  number(text) {
    if (!text) return 0;
    const known = this.numberOf.get(text);
    if (known !== undefined) return known;
    const fresh = this.numberOf.size;
    this.numberOf.set(text, fresh);
    this.strings.push(text);
    return fresh;
  }

  /** @param {string} line One fact as JSON. */
  add(line) {
    const fact = JSON.parse(line);
    const data = fact.data ?? {};
    for (const label of data.seats ?? []) {
      const seat = this.seatOf.get(label);
      if (seat !== undefined) this.seats.push(seat);
    }
    const type = TYPES.indexOf(fact.type);
    const row = [
      fact.log_position, fact.position, Date.parse(fact.recorded_at), data.expires_at ? Date.parse(data.expires_at) : 0,
      type < 0 ? OTHER : type,
      this.number(fact.subject), this.number(data.reservation_id), this.number(data.payment_reference), this.seats.length,
    ];
    row.forEach((value, column) => this.columns[column].push(value));
    this.lastPosition = fact.position;
  }

  /** @returns {Batch} */
  flush() {
    const [logPosition, position, time, expires, type, subject, reservation, payment, seatEnd] = this.columns;
    const batch = {
      strings: this.strings,
      logPosition: Float64Array.from(logPosition), position: Float64Array.from(position),
      time: Float64Array.from(time), expires: Float64Array.from(expires), type: Uint8Array.from(type),
      subject: Uint32Array.from(subject), reservation: Uint32Array.from(reservation), payment: Uint32Array.from(payment),
      seatEnd: Uint32Array.from(seatEnd), seats: Uint32Array.from(this.seats),
    };
    this.strings = [];
    this.columns = emptyColumns();
    this.seats = [];
    return batch;
  }
}

/** @returns {number[][]} */
const emptyColumns = () => Array.from({ length: 9 }, () => []);
