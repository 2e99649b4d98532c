// How one seat looks. The shapes alone tell the statuses apart, so the map also reads in greyscale:
// a full disc is free, a ring is held, a small pale dot is sold, a square is yours.

import { AVAILABLE, BOUGHT, CHOSEN, HELD, PENDING, RESERVED } from "./show.js";

/** @typedef {import("./theme.js").Theme} Theme */

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Theme} theme
 * @param {number} kind
 * @param {number} band
 * @param {number} x
 * @param {number} y
 * @param {number} size Diameter of a free seat.
 * @param {boolean} marked Whether there is room for a mark inside (a number takes its place when zoomed in).
 */
export function paintSeat(ctx, theme, kind, band, x, y, size, marked) {
  if (kind === AVAILABLE) {
    disc(ctx, x, y, size / 2, theme.bands[band]);
  } else if (kind === PENDING) {
    const line = Math.max(1, size * 0.11);
    ctx.beginPath();
    ctx.arc(x, y, size / 2 - line / 2 - size * 0.03, 0, Math.PI * 2);
    ctx.strokeStyle = theme.pending;
    ctx.lineWidth = line;
    ctx.stroke();
  } else if (kind === RESERVED) {
    disc(ctx, x, y, Math.max(1, size * 0.28), theme.reserved);
  } else if (kind === CHOSEN) {
    square(ctx, x, y, size * 1.12, theme.chosen);
    if (marked) tick(ctx, x, y, size, theme.onChosen);
  } else if (kind === HELD || kind === BOUGHT) {
    square(ctx, x, y, size * 1.12, theme.own);
    if (marked && kind === HELD) disc(ctx, x, y, size * 0.19, theme.onOwn);
    // With a number inside there is no room for the dot, so a thin frame says "held, not booked yet".
    if (!marked && kind === HELD && size > 12) frame(ctx, x, y, size, theme.onOwn);
    if (marked && kind === BOUGHT) tick(ctx, x, y, size, theme.onOwn);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius @param {string} colour */
function disc(ctx, x, y, radius, colour) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, Math.PI * 2);
  ctx.fillStyle = colour;
  ctx.fill();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} size @param {string} colour */
function square(ctx, x, y, size, colour) {
  ctx.beginPath();
  ctx.roundRect(x - size / 2, y - size / 2, size, size, size * 0.22);
  ctx.fillStyle = colour;
  ctx.fill();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} size @param {string} colour */
function frame(ctx, x, y, size, colour) {
  const side = size * 0.92;
  ctx.beginPath();
  ctx.roundRect(x - side / 2, y - side / 2, side, side, size * 0.16);
  ctx.strokeStyle = colour;
  ctx.lineWidth = Math.max(1, size * 0.05);
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} size @param {string} colour */
function tick(ctx, x, y, size, colour) {
  ctx.beginPath();
  ctx.moveTo(x - size * 0.26, y + size * 0.02);
  ctx.lineTo(x - size * 0.06, y + size * 0.22);
  ctx.lineTo(x + size * 0.28, y - size * 0.2);
  ctx.strokeStyle = colour;
  ctx.lineWidth = Math.max(1.2, size * 0.13);
  ctx.lineCap = "round";
  ctx.lineJoin = "round";
  ctx.stroke();
}

/** The order of the sprites: one per band, then one per other kind. @param {number} kind @param {number} band @returns {number} */
export const spriteIndex = (kind, band) => (kind === AVAILABLE ? band : 5 + kind);
const SPRITE_COUNT = 11;

/** Each look is drawn once per zoom step and then copied: copying is much cheaper than filling arcs. */
export class Sprites {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.key = "";
    this.cell = 0;
    this.width = 0;
    /** @type {Uint32Array} The same as on the canvas. */
    this.pixels = new Uint32Array(0);
  }

  /** @param {Theme} theme @param {number} size Device pixels. @param {boolean} marked @param {number} revision Of the theme. */
  prepare(theme, size, marked, revision) {
    const key = `${size} ${marked} ${revision}`;
    if (key === this.key) return;
    this.key = key;
    this.cell = Math.ceil(size * 1.25) + 2;
    this.canvas.width = this.cell * SPRITE_COUNT;
    this.canvas.height = this.cell;
    this.width = this.canvas.width;
    const ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d", { willReadFrequently: true }));
    for (let sprite = 0; sprite < SPRITE_COUNT; sprite++) {
      const kind = sprite < 6 ? AVAILABLE : sprite - 5;
      const band = sprite < 6 ? sprite : 0;
      paintSeat(ctx, theme, kind, band, (sprite + 0.5) * this.cell, this.cell / 2, size, marked);
    }
    this.pixels = new Uint32Array(ctx.getImageData(0, 0, this.width, this.cell).data.buffer);
  }
}
