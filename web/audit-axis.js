// What the slider and the curve above it count along: facts, which gives every fact the same room, or time.

const SAMPLES_MAX = 1500;

export class Axis {
  /** @param {import("./audit-recorder.js").Recorder} recorder */
  constructor(recorder) {
    this.recorder = recorder;
    this.isTime = false;
  }

  /** @param {number} at How many facts. @returns {number} */
  valueAt(at) {
    if (!this.isTime) return at;
    return Math.max(this.ends[0], this.recorder.history.clock[Math.max(0, at - 1)]);
  }

  /** @param {number} value @returns {number} How many facts there were. */
  atValue(value) {
    return this.isTime ? this.recorder.history.countAt(value) : Math.round(value);
  }

  /** @param {number} value @returns {number} Milliseconds since 1970. */
  timeAt(value) {
    return this.isTime ? value : this.recorder.history.time[Math.max(0, Math.round(value) - 1)];
  }

  /** A show is scheduled long before its sale. Along the time that silence would leave no room for the rest. @returns {[number, number]} */
  get ends() {
    const { history } = this.recorder;
    const last = Math.max(1, history.count);
    return this.isTime ? [history.clock[history.countBeforeSale], history.clock[last - 1]] : [1, last];
  }

  /** @returns {number[]} Values from end to end, as many as a screen can show. */
  samples() {
    const [first, last] = this.ends;
    const steps = Math.min(SAMPLES_MAX, this.isTime ? SAMPLES_MAX : last - first);
    if (steps === 0 || last === first) return [first];
    return Array.from({ length: steps + 1 }, (_, step) => first + ((last - first) * step) / steps);
  }
}
