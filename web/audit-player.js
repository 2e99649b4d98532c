// Plays a history. At speed 1 it takes a minute, however long the sale was; silences are shortened, rushes keep their shape.

import { countUpTo } from "./audit-history.js";

const PLAY_MS = 60_000;
// No silence lasts longer than this share of the whole, so about a second at speed 1.
const SILENCE_SHARE = 1 / 60;
const ROUNDS = 8;

export class Player {
  /** @param {import("./audit-recorder.js").Recorder} recorder */
  constructor(recorder) {
    this.recorder = recorder;
    this.speed = 1;
    this.isPlaying = false;
    this.frame = 0;
    /** When each fact comes, in milliseconds of playing. @type {Float64Array} */
    this.schedule = new Float64Array(0);
    /** @type {() => void} */
    this.onChange = () => {};
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  pause() {
    cancelAnimationFrame(this.frame);
    this.isPlaying = false;
    this.onChange();
  }

  play() {
    const { recorder } = this;
    if (recorder.history.count < 2) return;
    if (recorder.at >= recorder.history.count) recorder.moveTo(1);
    this.schedule = compress(recorder.history.clock.subarray(0, recorder.history.count));
    this.isPlaying = true;
    this.onChange();
    let played = this.schedule[recorder.fact];
    let shown = recorder.at;
    let before = performance.now();
    const step = () => {
      const now = performance.now();
      // Whoever moves the slider while it plays goes on from there.
      if (recorder.at !== shown) played = this.schedule[Math.min(recorder.fact, this.schedule.length - 1)];
      played += (now - before) * this.speed;
      before = now;
      recorder.moveTo(countUpTo(this.schedule, this.schedule.length, played));
      shown = recorder.at;
      if (shown >= this.schedule.length) return this.pause();
      this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }
}

/**
 * The longest silence that fits depends on how long all lasts, which depends on it: a few rounds settle both.
 * @param {Float64Array} clock @returns {Float64Array}
 */
export function compress(clock) {
  const times = new Float64Array(clock.length);
  let longest = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 1; i < clock.length; i++) times[i] = times[i - 1] + Math.min(longest, clock[i] - clock[i - 1]);
    longest = times[times.length - 1] * SILENCE_SHARE;
  }
  const total = times[times.length - 1];
  // Facts of a single millisecond play one after the other.
  for (let i = 0; i < times.length; i++) times[i] = total > 0 ? (times[i] / total) * PLAY_MS : (i / times.length) * PLAY_MS;
  return times;
}
