// Draws the map of seats on a canvas: only on change, only what is visible, in two levels of detail.

import { FarPainter } from "./paint-far.js";
import { paintOwn } from "./paint-own.js";
import { PixelLayer } from "./paint-pixels.js";
import { paintRowNames } from "./paint-rows.js";
import { spriteIndex, Sprites } from "./paint-seat.js";
import { SignPainter } from "./paint-signs.js";
import { clearStage, paintStage } from "./paint-stage.js";
import { AVAILABLE, CHOSEN, PENDING, RESERVED } from "./show.js";
import { readTheme, watchTheme } from "./theme.js";
import { Viewport } from "./viewport.js";

// A seat's diameter as a share of the distance to its neighbour. Small seats need every pixel.
const SEAT_SHARE = 0.84;
const SEAT_SHARE_SMALL = 0.94;
const SMALL_PITCH_PX = 9;
const FAR_BELOW_PX = 5.5;
const FEW_SEATS = 4000; // So few are drawn as shapes at any size.
const NUMBERS_FROM_PX = 17;

export class SeatMap {
  /** @param {HTMLCanvasElement} canvas @param {import("./show.js").Show} show */
  constructor(canvas, show) {
    this.canvas = canvas;
    this.show = show;
    this.chart = show.chart;
    this.ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.view = new Viewport(this.chart, () => this.changed());
    this.stage = clearStage(this.chart);
    this.signs = new SignPainter(this.chart);
    this.sprites = new Sprites();
    this.far = new FarPainter();
    this.layer = new PixelLayer();
    this.theme = readTheme();
    this.themeRevision = 0;
    this.ratio = 1;
    this.frame = 0;
    this.hovered = -1;
    this.cursor = -1;
    this.cursorShown = false;
    /** @type {{seats: ArrayLike<number>, isStrong: boolean}[]} Seats that are ringed, too, beside their statuses. */
    this.marks = [];
    /** @type {() => void} Called after each drawing, so that the tooltip follows. */
    this.onDrawn = () => {};
    watchTheme(() => {
      this.theme = readTheme();
      this.themeRevision++;
      this.changed();
    });
    new ResizeObserver(() => this.measure()).observe(/** @type {Element} */ (canvas.parentElement));
    this.measure();
  }

  /** Asks for one drawing in the next frame, however often it is called. */
  changed() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  measure() {
    const { clientWidth: width, clientHeight: height } = /** @type {Element} */ (this.canvas.parentElement);
    if (width === 0 || height === 0) return;
    this.ratio = devicePixelRatio || 1;
    const [pixelWidth, pixelHeight] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    if (this.canvas.width !== pixelWidth || this.canvas.height !== pixelHeight) {
      this.canvas.width = pixelWidth;
      this.canvas.height = pixelHeight;
    }
    this.view.resize(width, height, this.covers());
    // Resizing has emptied the canvas; waiting for the next frame would flicker.
    this.draw();
  }

  /** @returns {import("./types.js").Rect[]} The controls that stand on the map. */
  covers() {
    const box = this.canvas.getBoundingClientRect();
    return [...document.querySelectorAll("[data-on-map]")].map((control) => {
      const { left, top, width, height } = control.getBoundingClientRect();
      return { x: left - box.left, y: top - box.top, width, height };
    }).filter(({ y, height }) => height > 0 && y + height > 0);
  }

  /** @returns {number} Diameter of a seat in CSS pixels. */
  seatSize() {
    const pitch = this.chart.pitch * this.view.scale;
    return pitch * (pitch < SMALL_PITCH_PX ? SEAT_SHARE_SMALL : SEAT_SHARE);
  }

  draw() {
    const { ctx, view, theme, ratio } = this;
    if (devicePixelRatio !== ratio && this.canvas.width > 0) {
      // The window moved to another screen.
      this.ratio = devicePixelRatio;
      return this.measure();
    }
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    const size = this.seatSize();
    const far = size < FAR_BELOW_PX && this.chart.count > FEW_SEATS;
    /** @type {Map<number, {left: number, right: number}>} */
    let ends = new Map();
    if (far) {
      this.far.paint(ctx, theme, this.show, view, ratio, size * ratio);
    } else {
      ends = this.drawSeats(size);
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintStage(ctx, theme, this.stage, view);
    if (!far) {
      if (size >= NUMBERS_FROM_PX) this.drawNumbers(size);
      else paintOwn(ctx, theme, this.show, view, size);
      paintRowNames(ctx, theme, this.chart, view, ends);
    }
    this.signs.paint(ctx, theme, view);
    this.drawRings(size);
    this.onDrawn();
  }

  /** @param {(seat: number) => void} visit */
  eachVisible(visit) {
    const margin = this.chart.pitch;
    const [left, top] = this.view.toHall(0, 0);
    const [right, bottom] = this.view.toHall(this.view.width, this.view.height);
    const { x, y } = this.chart;
    this.chart.within(left - margin, top - margin, right + margin, bottom + margin, (i) => {
      if (x[i] > left - margin && x[i] < right + margin && y[i] > top - margin && y[i] < bottom + margin) visit(i);
    });
  }

  /** @param {number} size @returns {Map<number, {left: number, right: number}>} */
  drawSeats(size) {
    const { ctx, sprites, layer, chart, show, ratio, view } = this;
    const pixels = Math.max(2, Math.round(size * ratio));
    sprites.prepare(this.theme, pixels, size < NUMBERS_FROM_PX && size > 7, this.themeRevision);
    const scale = view.scale * ratio;
    const shiftX = view.left * scale + sprites.cell / 2;
    const shiftY = view.top * scale + sprites.cell / 2;
    layer.begin(ctx);
    /** @type {Map<number, {left: number, right: number}>} */
    const ends = new Map();
    this.eachVisible((i) => {
      // Whole pixels keep the copies sharp.
      layer.stamp(sprites, spriteIndex(show.kinds[i], chart.band[i]), Math.round(chart.x[i] * scale - shiftX), Math.round(chart.y[i] * scale - shiftY));
      const px = (chart.x[i] - view.left) * view.scale;
      if (px < size / 2 || px > view.width - size / 2) return;
      const row = ends.get(chart.rowOf[i]);
      if (!row) ends.set(chart.rowOf[i], { left: i, right: i });
      else if (chart.x[i] < chart.x[row.left]) row.left = i;
      else if (chart.x[i] > chart.x[row.right]) row.right = i;
    });
    layer.show(ctx);
    return ends;
  }

  /** @param {number} size */
  drawNumbers(size) {
    const { ctx, chart, show, theme, view } = this;
    ctx.font = `600 ${Math.min(17, size * 0.44)}px ${theme.font}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    this.eachVisible((i) => {
      const kind = show.kinds[i];
      if (kind === RESERVED) return;
      if (kind === AVAILABLE) ctx.fillStyle = theme.onBands[chart.band[i]];
      else if (kind === PENDING) ctx.fillStyle = theme.muted;
      else ctx.fillStyle = kind === CHOSEN ? theme.onChosen : theme.onOwn;
      const [px, py] = view.toScreen(chart.x[i], chart.y[i]);
      ctx.fillText(chart.numbers[i], px, py + size * 0.03);
    });
  }

  /** Rings around marked seats, and around the one under the pointer or the keyboard's cursor. @param {number} size */
  drawRings(size) {
    const { theme } = this;
    for (const { seats, isStrong } of this.marks) {
      for (let k = 0; k < seats.length; k++) this.drawRing(seats[k], size, isStrong ? theme.focus : theme.accent, isStrong ? 3 : 2);
    }
    if (this.hovered >= 0) this.drawRing(this.hovered, size, theme.ink, 1.5);
    if (this.cursor >= 0 && this.cursorShown) this.drawRing(this.cursor, size, theme.focus, 3);
  }

  /** @param {number} seat @param {number} size @param {string} colour @param {number} width */
  drawRing(seat, size, colour, width) {
    const [px, py] = this.view.toScreen(this.chart.x[seat], this.chart.y[seat]);
    const side = Math.max(size * 1.12 + 7, 14);
    this.ctx.beginPath();
    this.ctx.roundRect(px - side / 2, py - side / 2, side, side, side * 0.3);
    this.ctx.strokeStyle = colour;
    this.ctx.lineWidth = width;
    this.ctx.stroke();
  }

  /** @param {number} px @param {number} py Within the canvas. @param {number} reachPx @returns {number} The seat there, or -1. */
  seatAt(px, py, reachPx) {
    const [x, y] = this.view.toHall(px, py);
    return this.chart.nearest(x, y, Math.max(this.chart.pitch * 0.6, reachPx / this.view.scale));
  }
}
