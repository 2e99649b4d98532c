// Slider, buttons and fields that move the moment, and the display of where it is.

import { byId, setText } from "./dom.js";
import { formatCount, formatDayInZone, formatLocal, formatMoment, formatNumber } from "./format.js";
import { titleOf } from "./audit-words.js";
import { notify } from "./announce.js";

const PAGE_SHARE = 1 / 20;

export class Transport {
  /**
   * @param {import("./audit-recorder.js").Recorder} recorder @param {import("./audit-axis.js").Axis} axis
   * @param {import("./audit-player.js").Player} player
   */
  constructor(recorder, axis, player) {
    this.recorder = recorder;
    this.axis = axis;
    this.player = player;
    this.slider = /** @type {HTMLInputElement} */ (byId("slider"));
    /** @type {() => void} */
    this.onAxis = () => {};
    recorder.addEventListener("grown", () => this.fit());
    recorder.addEventListener("moved", () => this.render());
    this.slider.addEventListener("input", () => recorder.moveTo(axis.atValue(Number(this.slider.value))));
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.connectButtons();
    this.connectJumps();
    this.render();
  }

  /** The browser's own steps would be a millisecond each along the time. @param {KeyboardEvent} event */
  key(event) {
    const { recorder } = this;
    const page = Math.max(1, Math.round(recorder.history.count * PAGE_SHARE));
    /** @type {Record<string, number>} */
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -page, PageUp: page, Home: -Infinity, End: Infinity };
    if (event.key === " ") this.player.toggle();
    else if (event.key in steps) recorder.moveTo(Math.max(1, Math.min(recorder.history.count, recorder.at + steps[event.key])));
    else return;
    event.preventDefault();
  }

  connectButtons() {
    const { recorder, player } = this;
    byId("step-back").addEventListener("click", () => recorder.moveTo(recorder.at - 1));
    byId("step-on").addEventListener("click", () => recorder.moveTo(recorder.at + 1));
    byId("play").addEventListener("click", () => player.toggle());
    const speed = /** @type {HTMLSelectElement} */ (byId("speed"));
    speed.addEventListener("change", () => { player.speed = Number(speed.value); });
    player.onChange = () => {
      byId("play").dataset.playing = String(player.isPlaying);
      byId("play").setAttribute("aria-label", player.isPlaying ? "Pause" : "Play");
    };
    for (const isTime of [false, true]) {
      byId(isTime ? "axis-time" : "axis-facts").addEventListener("click", () => this.chooseAxis(isTime));
    }
  }

  /** @param {boolean} isTime */
  chooseAxis(isTime) {
    this.axis.isTime = isTime;
    byId("axis-facts").setAttribute("aria-pressed", String(!isTime));
    byId("axis-time").setAttribute("aria-pressed", String(isTime));
    this.fit();
    this.onAxis();
  }

  connectJumps() {
    const { recorder } = this;
    const time = /** @type {HTMLInputElement} */ (byId("jump-time"));
    const position = /** @type {HTMLInputElement} */ (byId("jump-position"));
    time.addEventListener("focus", () => { if (time.value === "" && recorder.at > 0) time.value = formatLocal(recorder.time); });
    byId("jump-to-time").addEventListener("submit", (event) => {
      event.preventDefault();
      const wanted = Date.parse(time.value);
      // A field without milliseconds means the whole second.
      if (Number.isFinite(wanted)) this.jump(recorder.history.countAt(wanted + 999), "That is before the first fact.");
    });
    byId("jump-to-position").addEventListener("submit", (event) => {
      event.preventDefault();
      this.jump(recorder.history.countAtPosition(Number(position.value)), "Positions count from 1.");
    });
  }

  /** @param {number} at @param {string} otherwise Said when there is no such moment. */
  jump(at, otherwise) {
    this.recorder.moveTo(at);
    if (at < 1) notify(otherwise, "info", { replace: true });
  }

  /** The slider's ends, and its place between them. */
  fit() {
    const [first, last] = this.axis.ends;
    this.slider.min = String(first);
    this.slider.max = String(last);
    this.slider.disabled = this.recorder.history.count === 0;
    const time = /** @type {HTMLInputElement} */ (byId("jump-time"));
    if (this.recorder.history.count > 0) {
      time.min = formatLocal(this.axis.timeAt(first));
      time.max = formatLocal(this.axis.timeAt(last) + 1000);
    }
    /** @type {HTMLInputElement} */ (byId("jump-position")).max = String(this.recorder.history.count);
    this.render();
  }

  render() {
    const { recorder, slider } = this;
    const { history, at, fact } = recorder;
    const { available, pending, reserved } = recorder.replay.counts();
    slider.value = String(this.axis.valueAt(at));
    setText(byId("moment-time"), at === 0 ? "\u2013" : formatMoment(recorder.time));
    setText(byId("moment-day"), at === 0 ? "" : formatDayInZone(recorder.time));
    setText(byId("moment-fact"), `Fact ${formatNumber(at)} of ${formatNumber(history.count)}`);
    setText(byId("count-reserved"), formatNumber(reserved));
    setText(byId("count-pending"), formatNumber(pending));
    setText(byId("count-available"), formatNumber(available));
    byId("step-back").setAttribute("aria-disabled", String(at <= 1));
    byId("step-on").setAttribute("aria-disabled", String(at >= history.count));
    if (at === 0) return;
    const what = `${titleOf(history, fact)}. ${formatCount(reserved)} sold, ${formatNumber(pending)} held, ${formatNumber(available)} available`;
    slider.setAttribute("aria-valuetext", `${formatMoment(recorder.time)}, fact ${formatNumber(at)}: ${what}`);
  }
}
