// What a person can do with the map, whatever a click on a seat means: point, zoom, walk by keyboard, read the tooltip.

import { saySeat } from "./announce.js";
import { attachCursor } from "./cursor.js";
import { byId } from "./dom.js";
import { attachGestures } from "./gestures.js";
import { attachTooltip, seatStatusText } from "./tooltip.js";

const ZOOM_STEP = 1.6;

/**
 * @param {import("./seatmap.js").SeatMap} map
 * @param {(seat: number) => void} onSeat
 * @param {(seat: number) => string} [describe] How a seat stands.
 */
export function connectMap(map, onSeat, describe = (seat) => seatStatusText(map.show, seat)) {
  const speak = (/** @type {number} */ seat) => {
    if (seat >= 0) saySeat(`${map.chart.describe(seat)}, ${describe(seat)}`);
  };
  attachTooltip(map, describe);
  attachGestures(map, onSeat, (seat) => {
    if (seat === map.hovered) return;
    map.hovered = seat;
    map.canvas.dataset.over = seat >= 0 ? "seat" : "";
    map.changed();
  });
  attachCursor(map, (seat) => { onSeat(seat); speak(seat); }, speak);
  map.show.addEventListener("seats", () => map.changed());
  map.show.addEventListener("chosen", () => map.changed());
  byId("zoom-in").addEventListener("click", () => map.view.glideZoom(ZOOM_STEP));
  byId("zoom-out").addEventListener("click", () => map.view.glideZoom(1 / ZOOM_STEP));
  byId("zoom-reset").addEventListener("click", () => map.view.glideHome());
}
