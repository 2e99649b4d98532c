// The moment that the page shows. Everything that shows or moves it listens here.

import { History } from "./audit-history.js";
import { Replay } from "./audit-replay.js";

/** Fires `grown` (facts have come), `moved` (another moment) and `seat` (another seat is looked at). */
export class Recorder extends EventTarget {
  /** @param {import("./show.js").Show} show Shows the seats of the moment. */
  constructor(show) {
    super();
    this.show = show;
    this.chart = show.chart;
    this.history = new History();
    this.replay = new Replay(this.history, show.chart.count);
    /** How many facts have happened at the moment; the last of them is the current one. */
    this.at = 0;
    this.seat = -1;
  }

  /** @returns {number} The current fact, or -1 before the first. */
  get fact() {
    return this.at - 1;
  }

  /** @returns {number} Milliseconds since 1970. */
  get time() {
    return this.at === 0 ? 0 : this.history.time[this.at - 1];
  }

  /** @param {import("./audit-pack.js").Batch} batch */
  append(batch) {
    const wasAtEnd = this.at === this.history.count;
    this.history.append(batch);
    this.replay.extend();
    this.dispatchEvent(new Event("grown"));
    // Who looks at the newest fact goes on looking at the newest.
    if (wasAtEnd) this.moveTo(this.history.count);
  }

  /** @param {number} at */
  moveTo(at) {
    const { count } = this.history;
    const target = Math.max(Math.min(1, count), Math.min(count, Math.round(at)));
    if (target !== this.at) this.showMoment(target);
  }

  /** @param {number} at */
  showMoment(at) {
    const { history, replay, show } = this;
    this.at = at;
    replay.seek(at);
    show.statuses = replay.statuses;
    show.advance({ position: at === 0 ? 0 : history.position[this.fact], counts: replay.counts() });
    this.dispatchEvent(new Event("moved"));
  }

  /** @param {number} seat Or -1 for none. */
  lookAt(seat) {
    this.seat = seat;
    this.dispatchEvent(new Event("seat"));
  }
}
