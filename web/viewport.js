// Which part of the hall is on screen: zoom and pan, without drawing.

import { prefersReducedMotion } from "./dom.js";

const GLIDE_MS = 180;
const PITCH_LARGEST_PX = 64;
const WIDE_PX = 520;

export class Viewport {
  /** @param {import("./chart.js").Chart} chart @param {() => void} changed */
  constructor(chart, changed) {
    this.chart = chart;
    this.changed = changed;
    this.width = 1;
    this.height = 1;
    this.scale = 1; // CSS pixels per centimetre.
    this.left = 0; // The hall's coordinates at the canvas's upper left corner.
    this.top = 0;
    this.fitted = true;
    this.glide = 0;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    const [x, y] = this.toHall(this.width / 2, this.height / 2);
    this.width = width;
    this.height = height;
    if (this.fitted) this.fit();
    else this.show(x, y, this.scale);
  }

  /** @returns {{x: number, y: number, scale: number}} The whole hall, clear of the zoom buttons. */
  fitting() {
    const { left, top, right, bottom } = this.chart.bounds;
    // The buttons stand at the right of a wide map and below the hall on a narrow one, as the style sheet has it.
    const wide = this.width > WIDE_PX;
    const side = wide ? 68 : 16;
    const above = wide ? 28 : 12;
    const below = wide ? 28 : 60;
    const seat = this.chart.pitch;
    const scale = Math.min(
      Math.max(1, this.width - 2 * side) / (right - left + seat),
      Math.max(1, this.height - above - below) / (bottom - top + seat),
      0.6,
    );
    return { x: (left + right) / 2, y: (top + bottom) / 2 + (below - above) / 2 / scale, scale };
  }

  fit() {
    const { x, y, scale } = this.fitting();
    this.show(x, y, scale);
    this.fitted = true;
  }

  /** @param {number} x @param {number} y The hall's point for the centre. @param {number} scale */
  show(x, y, scale) {
    const smallest = this.fitting().scale;
    this.scale = Math.max(smallest, Math.min(PITCH_LARGEST_PX / this.chart.pitch, scale));
    this.left = x - this.width / 2 / this.scale;
    this.top = y - this.height / 2 / this.scale;
    this.fitted = this.scale <= smallest * 1.001;
    this.clamp();
    this.changed();
  }

  /** The hall may be pushed around, but its edge never leaves the middle of the window. */
  clamp() {
    const { left, top, right, bottom } = this.chart.bounds;
    const halfWidth = this.width / 2 / this.scale;
    const halfHeight = this.height / 2 / this.scale;
    if (this.fitted) {
      const { x, y } = this.fitting();
      this.left = x - halfWidth;
      this.top = y - halfHeight;
      return;
    }
    this.left = Math.max(left - halfWidth, Math.min(right - halfWidth, this.left));
    this.top = Math.max(top - halfHeight, Math.min(bottom - halfHeight, this.top));
  }

  /** @param {number} factor @param {number} px @param {number} py The point of the screen that stays where it is. */
  zoomAt(factor, px, py) {
    const [x, y] = this.toHall(px, py);
    const smallest = this.fitting().scale;
    const scale = Math.max(smallest, Math.min(PITCH_LARGEST_PX / this.chart.pitch, this.scale * factor));
    this.show(x + (this.width / 2 - px) / scale, y + (this.height / 2 - py) / scale, scale);
  }

  /** @param {number} dx @param {number} dy Screen pixels. */
  panBy(dx, dy) {
    if (this.fitted) return;
    this.left -= dx / this.scale;
    this.top -= dy / this.scale;
    this.clamp();
    this.changed();
  }

  /** Moves smoothly, unless the person asked for less motion. @param {number} x @param {number} y @param {number} scale */
  glideTo(x, y, scale) {
    cancelAnimationFrame(this.glide);
    if (prefersReducedMotion()) return this.show(x, y, scale);
    const [x0, y0] = this.toHall(this.width / 2, this.height / 2);
    const scale0 = this.scale;
    const start = performance.now();
    const step = () => {
      const part = Math.min(1, (performance.now() - start) / GLIDE_MS);
      const eased = 1 - (1 - part) ** 3;
      this.show(x0 + (x - x0) * eased, y0 + (y - y0) * eased, scale0 * (scale / scale0) ** eased);
      if (part < 1) this.glide = requestAnimationFrame(step);
    };
    step();
  }

  glideHome() {
    const { x, y, scale } = this.fitting();
    this.glideTo(x, y, scale);
  }

  /** @param {number} factor */
  glideZoom(factor) {
    const [x, y] = this.toHall(this.width / 2, this.height / 2);
    this.glideTo(x, y, this.scale * factor);
  }

  /** Brings a point into view with room around it. @param {number} x @param {number} y @param {number} scaleLeast */
  reveal(x, y, scaleLeast) {
    const [px, py] = this.toScreen(x, y);
    const margin = Math.min(60, this.width / 6, this.height / 6);
    const inside = px > margin && py > margin && px < this.width - margin && py < this.height - margin;
    if (this.scale < scaleLeast) this.glideTo(x, y, scaleLeast);
    else if (!inside && !this.fitted) this.glideTo(x, y, this.scale);
  }

  /** @param {number} x @param {number} y @returns {[number, number]} */
  toScreen(x, y) {
    return [(x - this.left) * this.scale, (y - this.top) * this.scale];
  }

  /** @param {number} px @param {number} py @returns {[number, number]} */
  toHall(px, py) {
    return [this.left + px / this.scale, this.top + py / this.scale];
  }
}
