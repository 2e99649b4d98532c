// The clock of a hold. It counts with the monotonic clock, since the computer's wall clock may be wrong.

import { say } from "./announce.js";
import { byId, setText } from "./dom.js";
import { formatClock } from "./format.js";

/** @type {[number, string][]} */
const WARNINGS = [
  [120, "Two minutes left to check out."],
  [60, "One minute left to check out."],
  [30, "Thirty seconds left to check out."],
];
const ASK_AGAIN_MS = 2000;

export class Countdown {
  /** @param {import("./show.js").Show} show @param {(id: string) => void} onEnd Called when the time is up. */
  constructor(show, onEnd) {
    this.show = show;
    this.onEnd = onEnd;
    this.holdId = "";
    this.secondsBefore = Infinity;
    this.askedAt = -Infinity;
    setInterval(() => this.tick(), 250);
    show.addEventListener("reservation", () => this.tick());
  }

  tick() {
    const hold = this.show.openHold();
    byId("clock").hidden = !hold;
    if (!hold) return;
    const seconds = (hold.endsAt - performance.now()) / 1000;
    if (hold.reservation_id !== this.holdId) {
      this.holdId = hold.reservation_id;
      this.secondsBefore = seconds;
    }
    setText(byId("countdown"), formatClock(seconds));
    const share = Math.max(0, Math.min(1, seconds / this.show.info.hold_seconds));
    byId("clock-bar").style.transform = `scaleX(${share})`;
    byId("clock").dataset.urgent = String(seconds <= 60);
    const warning = WARNINGS.find(([limit]) => this.secondsBefore > limit && seconds <= limit);
    if (warning) say(warning[1]);
    this.secondsBefore = seconds;
    // The server decides when a hold ends; our clock only tells when to ask.
    if (seconds <= 0 && performance.now() - this.askedAt > ASK_AGAIN_MS) {
      this.askedAt = performance.now();
      this.onEnd(hold.reservation_id);
    }
  }
}
