// The sale as a curve above the slider: sold, held and free seats, one on top of the other.

import { byId } from "./dom.js";
import { formatDay, formatNumber, formatSecond } from "./format.js";
import { watchTheme } from "./theme.js";
import uPlot from "./vendor/uPlot/uplot.js";

/** Room beside the plot. The style sheet gives the slider the same. */
const LEFT_PX = 56;
const RIGHT_PX = 20;
const DAYS_FROM_MS = 36 * 3600 * 1000;
const REDRAW_MS = 500;

export class Curve {
  /** @param {import("./audit-recorder.js").Recorder} recorder @param {import("./audit-axis.js").Axis} axis */
  constructor(recorder, axis) {
    this.recorder = recorder;
    this.axis = axis;
    this.place = byId("curve");
    this.line = byId("curve-line");
    /** @type {uPlot|null} */
    this.plot = null;
    this.width = 0;
    this.drawnAt = -Infinity;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
    recorder.addEventListener("grown", () => this.later());
    recorder.addEventListener("moved", () => this.moveLine());
    watchTheme(() => this.rebuild());
    new ResizeObserver(() => this.resize()).observe(this.place);
    this.connectPointer();
  }

  /** While a history is read, the curve need not be drawn for each batch. */
  later() {
    clearTimeout(this.timer);
    const wait = Math.max(0, this.drawnAt + REDRAW_MS - performance.now());
    this.timer = setTimeout(() => {
      this.drawnAt = performance.now();
      if (!this.plot) this.rebuild();
      else this.plot.setData(this.data());
      this.moveLine();
    }, wait);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.place;
    // Kept, since asking for it while the slider moves would have the browser lay out the page twice.
    this.width = width;
    if (!this.plot || width === 0) return this.rebuild();
    this.plot.setSize({ width, height });
    this.moveLine();
  }

  /** Another theme or another axis needs another plot. */
  rebuild() {
    const { clientWidth: width, clientHeight: height } = this.place;
    if (width === 0 || this.recorder.history.count === 0) return;
    this.plot?.destroy();
    this.plot = new uPlot({ width, height, ...this.options() }, this.data(), this.place);
    this.moveLine();
  }

  /** @returns {uPlot.AlignedData} Each series contains those below it. */
  data() {
    const { replay } = this.recorder;
    const values = this.axis.samples();
    const places = values.map((value) => this.axis.atValue(value) - 1);
    const reserved = places.map((at) => replay.reserved[at]);
    const taken = places.map((at, k) => reserved[k] + replay.pending[at]);
    return [values, places.map(() => replay.seatCount), taken, reserved];
  }

  /** @returns {Omit<uPlot.Options, "width"|"height">} */
  options() {
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const { seatCount } = this.recorder.replay;
    const line = { stroke: colour("--muted"), font, ticks: { show: false } };
    const area = (/** @type {string} */ name) => ({ fill: colour(name), width: 0, points: { show: false }, paths: uPlot.paths.stepped?.({ align: 1 }) });
    return {
      ms: 1,
      padding: [8, RIGHT_PX, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: this.axis.isTime, range: () => this.range() }, y: { range: [0, Math.max(1, seatCount)] } },
      axes: [
        { ...line, size: 22, gap: 4, space: 130, grid: { show: false }, values: (_, splits) => this.labels(splits) },
        { ...line, size: LEFT_PX, gap: 8, splits: [0, seatCount], grid: { show: false }, values: (_, splits) => splits.map(formatNumber) },
      ],
      series: [{}, area("--curve-available"), area("--curve-pending"), area("--curve-reserved")],
    };
  }

  /** @returns {[number, number]} One fact alone has no width. */
  range() {
    const [first, last] = this.axis.ends;
    return last > first ? [first, last] : [first, first + 1];
  }

  /** @param {number[]} splits @returns {string[]} */
  labels(splits) {
    const [first, last] = this.axis.ends;
    const times = splits.map((value) => this.axis.timeAt(Math.max(first, Math.min(last, value))));
    const withDay = times[times.length - 1] - times[0] > DAYS_FROM_MS;
    // A name that would be cut off at the end is left out.
    const room = 1 - (withDay ? 60 : 30) / Math.max(1, this.width - LEFT_PX);
    const isCut = (/** @type {number} */ at) => (splits[at] - first) / Math.max(1, last - first) > room;
    return times.map((time, at) => (isCut(at) ? "" : withDay ? `${formatDay(time)}, ${formatSecond(time).slice(0, 5)}` : formatSecond(time)));
  }

  moveLine() {
    const { plot, line } = this;
    line.hidden = !plot;
    if (!plot) return;
    const [first, last] = this.range();
    const share = (this.axis.valueAt(this.recorder.at) - first) / (last - first);
    line.style.transform = `translateX(${LEFT_PX + share * (this.width - LEFT_PX - RIGHT_PX)}px)`;
  }

  /** A click jumps, and a drag goes on jumping. */
  connectPointer() {
    const jump = (/** @type {PointerEvent} */ event) => {
      const box = this.place.getBoundingClientRect();
      const share = (event.clientX - box.left - LEFT_PX) / (box.width - LEFT_PX - RIGHT_PX);
      const [first, last] = this.range();
      this.recorder.moveTo(this.axis.atValue(first + Math.max(0, Math.min(1, share)) * (last - first)));
    };
    this.place.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.place.setPointerCapture(event.pointerId);
      jump(event);
    });
    this.place.addEventListener("pointermove", (event) => {
      if (this.place.hasPointerCapture(event.pointerId)) jump(event);
    });
  }
}
