// Which part of the hall is on screen: zoom and pan, without drawing.

import { prefersReducedMotion } from "./dom.js";
import { ROW_NAMES_FROM_PX } from "./paint-rows.js";

const GLIDE_MS = 180;
const PITCH_LARGEST_PX = 64;
const EDGE_PX = 20;
const EDGE_NARROW_PX = 8;
const NARROW_PX = 520;
const SIGN_PX = 14; // The name of a block at the side may stand out above the hall.
// In a tiny window a few seats below a control do less harm than a hall the size of a stamp: one can zoom in.
const SMALLEST_SHARE = 0.45;
const SCALE_LARGEST_FITTED = 0.6; // A handful of seats should not become plates.

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
    /** @type {import("./types.js").Rect[]} What stands on top of the map, in the canvas's pixels. */
    this.covers = [];
    this.home = { x: 0, y: 0, scale: 1 };
  }

  /** @param {number} width @param {number} height @param {import("./types.js").Rect[]} covers */
  resize(width, height, covers) {
    const [x, y] = this.toHall(this.width / 2, this.height / 2);
    this.width = width;
    this.height = height;
    this.covers = covers;
    this.home = this.fitting();
    if (this.fitted) this.fit();
    else this.show(x, y, this.scale);
  }

  /**
   * The whole hall as large as it can be with no seat below a control. Most halls leave their corners free, where the
   * controls are; a square one keeps clear of them above, below or at the sides.
   * @returns {{x: number, y: number, scale: number}}
   */
  fitting() {
    const edge = this.width < NARROW_PX ? EDGE_NARROW_PX : EDGE_PX;
    let [side, above, below] = [edge, edge, edge];
    for (const cover of this.covers) {
      if (cover.y + cover.height / 2 < this.height / 2) {
        above = Math.max(above, cover.y + cover.height + SIGN_PX);
      } else {
        below = Math.max(below, this.height - cover.y + edge / 2);
        side = Math.max(side, this.width - cover.x + edge / 2);
      }
    }
    const full = this.fitWithin(edge, edge, edge);
    let best = { ...full, scale: full.scale * SMALLEST_SHARE };
    let found = false;
    for (const margins of [[edge, edge], [above, edge], [edge, below], [above, below]]) {
      for (const beside of [edge, side]) {
        const place = this.fitWithin(beside, margins[0], margins[1]);
        if (place.scale > best.scale && !this.covered(place)) [best, found] = [place, true];
      }
    }
    return found ? best : full;
  }

  /** @param {number} side @param {number} above @param {number} below Margins. @returns {{x: number, y: number, scale: number}} */
  fitWithin(side, above, below) {
    const { left, top, right, bottom } = this.chart.bounds;
    const { pitch } = this.chart;
    const scaleWith = (/** @type {number} */ ends) => Math.min(
      Math.max(1, this.width - 2 * side) / (right - left + ends * pitch),
      Math.max(1, this.height - above - below) / (bottom - top + pitch),
      SCALE_LARGEST_FITTED,
    );
    const tight = scaleWith(1);
    // In a small hall the seats are large enough for row names, which stand outside.
    const scale = tight * pitch < ROW_NAMES_FROM_PX ? tight : scaleWith(3);
    return { x: (left + right) / 2, y: (top + bottom) / 2 + (below - above) / 2 / scale, scale };
  }

  /** @param {{x: number, y: number, scale: number}} place @returns {boolean} Whether a control would hide a seat. */
  covered({ x, y, scale }) {
    let found = false;
    const margin = this.chart.pitch;
    for (const cover of this.covers) {
      const left = x + (cover.x - this.width / 2) / scale - margin;
      const top = y + (cover.y - this.height / 2) / scale - margin;
      const right = left + cover.width / scale + 2 * margin;
      const bottom = top + cover.height / scale + 2 * margin;
      this.chart.within(left, top, right, bottom, (i) => {
        const [seatX, seatY] = [this.chart.x[i], this.chart.y[i]];
        found ||= seatX > left && seatX < right && seatY > top && seatY < bottom;
      });
    }
    return found;
  }

  fit() {
    const { x, y, scale } = this.home;
    this.show(x, y, scale);
    this.fitted = true;
  }

  /** @param {number} x @param {number} y The hall's point for the centre. @param {number} scale */
  show(x, y, scale) {
    const smallest = this.home.scale;
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
      const { x, y } = this.home;
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
    const smallest = this.home.scale;
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
    const { x, y, scale } = this.home;
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
