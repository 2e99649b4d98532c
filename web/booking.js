// Asks the server to hold, check out and release seats, and says in plain words how it went.

import { Problem, request } from "./api.js";
import { clearNotice, notify, say } from "./announce.js";
import { formatMoney } from "./format.js";

/** @typedef {import("./types.js").Reservation} Reservation */

export class Booking {
  /** @param {import("./show.js").Show} show @param {import("./queue.js").Queue} queue */
  constructor(show, queue) {
    this.show = show;
    this.queue = queue;
    this.busy = false;
    /** @type {() => void} */
    this.onBusy = () => {};
  }

  holdChosen() {
    const seats = [...this.show.chosen].map((seat) => this.show.chart.labels[seat]);
    return seats.length > 0 ? this.hold({ seats }) : Promise.resolve();
  }

  /** @param {Reservation} reservation @returns {string} */
  names({ seats }) {
    return this.show.chart.describeAll(seats.map(({ seat }) => seat));
  }

  /** @param {number} count @param {string} section An empty name means anywhere. */
  holdBest(count, section) {
    return this.hold({ best_available: section ? { count, section } : { count } });
  }

  /** @param {Record<string, unknown>} wish */
  hold(wish) {
    return this.attempt(async (onWait) => {
      this.show.setHolding(true);
      try {
        const body = { event_id: this.show.info.event_id, ...wish };
        const { body: reservation, sentAt } = await request("POST", "/reserve", { body, keyed: true, headers: this.queue.headers(), onWait });
        clearNotice();
        this.show.applyReservation(reservation, sentAt);
        // The panel shows it all; a message on top would only push the countdown away.
        say(`Held for you: ${this.names(reservation)}.`);
      } finally {
        this.show.setHolding(false);
      }
    });
  }

  /** @param {string} reference */
  checkOut(reference) {
    return this.attempt(async (onWait) => {
      const hold = this.show.openHold();
      if (!hold) return;
      const path = `/reserve/${encodeURIComponent(hold.reservation_id)}/checkout`;
      const { body, sentAt } = await request("POST", path, { body: { payment_reference: reference }, keyed: true, onWait });
      this.show.applyReservation(body, sentAt);
      clearNotice();
      say(`Booked: ${this.names(body)}. ${formatMoney(body.total)} in all.`);
    });
  }

  release() {
    return this.attempt(async (onWait) => {
      const hold = this.show.openHold();
      if (!hold) return;
      await request("DELETE", `/reserve/${encodeURIComponent(hold.reservation_id)}`, { onWait });
      this.show.applyReservation({ ...hold, status: "released" }, performance.now());
      notify("Your seats are released. Others can take them now.", "info", { replace: true });
    });
  }

  /** Asks how a reservation stands: at the start, when its clock has run out, after a long sleep. @param {string} id */
  async look(id) {
    try {
      const { body, sentAt } = await request("GET", `/reserve/${encodeURIComponent(id)}`);
      this.show.applyReservation(body, sentAt);
    } catch (error) {
      const gone = error instanceof Problem && (error.status === 404 || error.status === 410);
      const known = this.show.reservations.get(id);
      if (gone && known) this.show.applyReservation({ ...known, status: "expired" }, performance.now());
      if (gone) return false;
    }
    return true;
  }

  /** @param {(onWait: (seconds: number) => void) => Promise<void>} work */
  async attempt(work) {
    if (this.busy) return;
    this.busy = true;
    this.onBusy();
    try {
      await work((seconds) => notify(`The box office is busy. Trying again in ${seconds} s.`, "info", { replace: true }));
    } catch (error) {
      await this.explain(error);
    } finally {
      this.busy = false;
      this.onBusy();
    }
  }

  /** @param {unknown} error */
  async explain(error) {
    if (!(error instanceof Problem)) {
      if (!(error instanceof Error)) throw error;
      return notify(error.message, "warning", { replace: true });
    }
    if (error.code === "seats-taken" && Array.isArray(error.body.conflicts) && error.body.conflicts.length > 0) {
      return this.explainTaken(error.body.conflicts);
    }
    if (error.code === "pass-required") return this.queue.refused();
    const hold = this.show.openHold();
    if (hold && [404, 409, 410].includes(error.status)) await this.look(hold.reservation_id);
    notify(error.message, "warning", { replace: true });
  }

  /** @param {{seat: string, reason: string}[]} conflicts */
  explainTaken(conflicts) {
    const labels = conflicts.map(({ seat }) => seat);
    this.show.deselect(labels.map((label) => this.show.chart.indexOf.get(label) ?? -1));
    const rest = this.show.chosen.size > 0 ? " Your other seats are still chosen, but not held yet." : "";
    notify(`${goneText(this.show.chart, labels)}${rest}`, "warning", { replace: true });
  }
}

/** @param {import("./chart.js").Chart} chart @param {string[]} labels @returns {string} */
export function goneText(chart, labels) {
  return `${chart.describeAll(labels)} ${labels.length === 1 ? "has" : "have"} gone to someone else.`;
}
