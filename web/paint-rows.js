// Row names, beside the seats of each row.

import { writeOver } from "./paint-signs.js";

/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./viewport.js").Viewport} Viewport */

/** The distance between two seats from which on there is room for row names. */
export const ROW_NAMES_FROM_PX = 11;

/**
 * Row names stand at both ends of a row. Where its left end is out of sight, the name is pinned to the edge instead.
 * @param {CanvasRenderingContext2D} ctx @param {Theme} theme
 * @param {import("./chart.js").Chart} chart @param {Viewport} view
 * @param {Map<number, {left: number, right: number}>} ends The outermost visible seats of each visible row.
 */
export function paintRowNames(ctx, theme, chart, view, ends) {
  const pitch = chart.pitch * view.scale;
  if (pitch < ROW_NAMES_FROM_PX) return;
  const size = Math.max(9, Math.min(13, pitch * 0.62));
  ctx.font = `500 ${size}px ${theme.font}`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  for (const [row, { left, right }] of ends) {
    const { name, first, count } = chart.rows[row];
    for (const [seat, side] of /** @type {[number, number][]} */ ([[left, -1], [right, 1]])) {
      const [x, y] = view.toScreen(chart.x[seat], chart.y[seat]);
      const isEnd = seat === first || seat === first + count - 1;
      if (isEnd) writeOver(ctx, theme, name, x + side * pitch * 0.95, y, theme.muted);
      else if (side < 0) pinToEdge(ctx, theme, name, y, size);
    }
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {string} name @param {number} y @param {number} size */
function pinToEdge(ctx, theme, name, y, size) {
  const width = ctx.measureText(name).width + size;
  ctx.beginPath();
  ctx.roundRect(4, y - size * 0.85, width, size * 1.7, size * 0.6);
  ctx.fillStyle = theme.paper;
  ctx.fill();
  ctx.strokeStyle = theme.stageEdge;
  ctx.lineWidth = 1;
  ctx.stroke();
  ctx.fillStyle = theme.muted;
  ctx.fillText(name, 4 + width / 2, y);
}
