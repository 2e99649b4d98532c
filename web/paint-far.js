// The overview of a large hall: seats of a few pixels, written straight into the image.

import { PixelLayer } from "./paint-pixels.js";
import { AVAILABLE, CHOSEN, PENDING, RESERVED } from "./show.js";
import { packColour } from "./theme.js";

/** @typedef {import("./theme.js").Theme} Theme */

export class FarPainter extends PixelLayer {
  /**
   * @param {CanvasRenderingContext2D} ctx
   * @param {Theme} theme
   * @param {import("./show.js").Show} show
   * @param {import("./viewport.js").Viewport} view
   * @param {number} ratio Device pixels per CSS pixel.
   * @param {number} size Diameter of a seat in device pixels.
   */
  paint(ctx, theme, show, view, ratio, size) {
    const { width, height } = ctx.canvas;
    this.begin(ctx);
    // The smallest seats are rounded up: gaps of a pixel here and there would draw stripes across the hall.
    const block = Math.max(1, size < 3 ? Math.ceil(size) : Math.round(size));
    const bands = theme.bands.map(packColour);
    const pending = packColour(theme.pending);
    const reserved = packColour(theme.reserved);
    const { x, y, band } = show.chart;
    const scale = view.scale * ratio;
    const [left, top] = [view.left * scale, view.top * scale];
    /** @type {number[]} */
    const mine = [];

    for (let i = 0; i < show.chart.count; i++) {
      const px = Math.round(x[i] * scale - left);
      const py = Math.round(y[i] * scale - top);
      if (px < -block || py < -block || px > width + block || py > height + block) continue;
      const kind = show.kinds[i];
      if (kind === AVAILABLE) this.block(px, py, block, bands[band[i]], width, height);
      // Even here the amount of ink differs: full block, smaller block, single point.
      else if (kind === PENDING) this.block(px, py, Math.max(1, block - 1), pending, width, height);
      else if (kind === RESERVED) this.block(px, py, Math.max(1, block >> 2), reserved, width, height);
      else mine.push(i);
    }
    // Own seats are few and must be found at a glance: larger, and above their neighbours.
    for (const i of mine) {
      const colour = packColour(show.kinds[i] === CHOSEN ? theme.chosen : theme.own);
      const large = Math.max(block + 2, Math.round(6 * ratio));
      this.block(Math.round(x[i] * scale - left), Math.round(y[i] * scale - top), large, colour, width, height);
    }
    this.show(ctx);
  }

  /**
   * @param {number} x @param {number} y Centre. @param {number} size @param {number} colour
   * @param {number} width @param {number} height
   */
  block(x, y, size, colour, width, height) {
    const half = size >> 1;
    const x0 = Math.max(0, x - half);
    const x1 = Math.min(width, x - half + size);
    const y1 = Math.min(height, y - half + size);
    for (let row = Math.max(0, y - half); row < y1; row++) {
      if (x1 > x0) this.pixels.fill(colour, row * width + x0, row * width + x1);
    }
  }
}
