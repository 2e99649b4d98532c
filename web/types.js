// The shapes that several modules share, for editors and `tsc --noEmit`. There is no code here.

/** @typedef {{amount: number, currency: string}} Money Minor units with an ISO 4217 code. */

/** @typedef {"available"|"pending"|"reserved"} SeatStatus */

/** @typedef {{available: number, pending: number, reserved: number}} Counts */

/**
 * @typedef {object} ShowInfo One show, as `GET /events/{id}` gives it.
 * @property {string} event_id
 * @property {string} title
 * @property {string} description
 * @property {string} starts_at
 * @property {string|null} on_sale_at
 * @property {number} hold_seconds
 * @property {number} max_seats_per_reservation
 * @property {{max_active: number, idle_seconds?: number}|null} waiting_room
 * @property {{name: string, price: Money, rows: {name: string, seats: number}[]}[]} sections
 * @property {Counts} [counts]
 */

/**
 * @typedef {object} ChartSeat
 * @property {string} seat
 * @property {string} section
 * @property {string} row
 * @property {string|number} number
 * @property {Money} price
 * @property {number} x
 * @property {number} y
 */

/** @typedef {{x: number, y: number, width: number, height: number}} Rect */

/** @typedef {{event_id: string, unit: string, stage: Rect|null, seats: ChartSeat[]}} ChartBody */

/**
 * @typedef {object} Reservation
 * @property {string} reservation_id
 * @property {string} event_id
 * @property {"pending"|"reserved"|"released"|"expired"} status
 * @property {{seat: string, price: Money}[]} seats
 * @property {Money} total
 * @property {string} expires_at
 * @property {number} expires_in_seconds
 * @property {number} position
 */

/** @typedef {{position: number, counts: Counts, statuses: string}} SeatsMessage */

/** @typedef {{position: number, counts: Counts, seats: Record<string, SeatStatus>}} ChangeMessage */

/**
 * @typedef {object} RoomSummary The `queue` member of `GET /events/{id}/seats`.
 * @property {boolean} is_full
 * @property {number} serving
 * @property {number} active
 * @property {number} max_active
 * @property {boolean} is_paused
 * @property {"before_sale"|"open"|"sold_out"} state
 */

/**
 * @typedef {object} RoomBody What `GET /events/{id}/waiting-room` gives anyone.
 * @property {string} event_id
 * @property {number} position
 * @property {"before_sale"|"open"|"sold_out"} state
 * @property {boolean} is_full
 * @property {boolean} is_paused
 * @property {number} max_active
 * @property {number} active
 * @property {number} serving
 * @property {number} seats_left
 * @property {string|null} [seed_sha256] Absent when there is no draw.
 */

/**
 * @typedef {object} QueuePlace Where a person stands: a message of the stream, and but for the ticket the body of `/queue`.
 * @property {number|null} number Null before the draw.
 * @property {number} serving
 * @property {number|null} ahead
 * @property {number|null} estimated_wait_seconds
 * @property {{low: number, high: number}|null} estimated_wait_range
 * @property {"waiting"|"admitted"|"over"|"sold_out"} state
 * @property {string} [pass]
 * @property {string} [pass_expires_at]
 * @property {number} seats_left
 * @property {boolean} is_paused
 * @property {string} [draws_at]
 */

/** @typedef {QueuePlace & {ticket: string}} QueueBody */

export {};
