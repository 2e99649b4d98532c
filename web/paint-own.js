// In the overview a person's own seats are framed, since a square of eight pixels is not found at a glance.

import { paintSeat } from "./paint-seat.js";
import { CHOSEN } from "./show.js";

const CLEAR_PX = 1.5;
const FRAME_PX = 2;
const MARK_FROM_PX = 6;

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {import("./theme.js").Theme} theme
 * @param {import("./show.js").Show} show
 * @param {import("./viewport.js").Viewport} view
 * @param {number} size Diameter of a free seat.
 */
export function paintOwn(ctx, theme, show, view, size) {
  const own = [...show.chosen, ...show.own.keys()].filter((seat) => show.kinds[seat] >= CHOSEN).map((seat) => {
    const [x, y] = view.toScreen(show.chart.x[seat], show.chart.y[seat]);
    return { seat, x, y };
  });
  // Layer by layer, so that the frames of neighbours run into one.
  for (const { seat, x, y } of own) block(x, y, CLEAR_PX + FRAME_PX, show.kinds[seat] === CHOSEN ? theme.chosen : theme.own);
  for (const { x, y } of own) block(x, y, CLEAR_PX, theme.paper);
  // A little smaller than elsewhere: two squares side by side must stay two.
  for (const { seat, x, y } of own) paintSeat(ctx, theme, show.kinds[seat], show.chart.band[seat], x, y, size * 0.9, size > MARK_FROM_PX);

  /** @param {number} x @param {number} y @param {number} around @param {string} colour */
  function block(x, y, around, colour) {
    const half = size * 0.56 + around;
    ctx.beginPath();
    ctx.roundRect(x - half, y - half, half * 2, half * 2, half * 0.4);
    ctx.fillStyle = colour;
    ctx.fill();
  }
}
