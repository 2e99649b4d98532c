// Names the seat under the pointer or the cursor, beside it.

import { byId, setText } from "./dom.js";
import { formatMoney, KIND_WORDS } from "./format.js";

/** @param {import("./show.js").Show} show @param {number} seat @returns {string} */
export function seatStatusText(show, seat) {
  return `${formatMoney(show.chart.prices[seat])}, ${KIND_WORDS[show.kinds[seat]]}`;
}

/** @param {import("./seatmap.js").SeatMap} map @param {(seat: number) => string} describe How a seat stands. */
export function attachTooltip(map, describe) {
  const tooltip = byId("tooltip");
  const name = document.createElement("strong");
  const status = document.createElement("span");
  tooltip.replaceChildren(name, status);

  map.onDrawn = () => {
    const seat = map.hovered >= 0 ? map.hovered : map.cursorShown ? map.cursor : -1;
    tooltip.hidden = seat < 0;
    if (seat < 0) return;
    setText(name, map.chart.describe(seat));
    setText(status, describe(seat));
    const [px, py] = map.view.toScreen(map.chart.x[seat], map.chart.y[seat]);
    const above = py - tooltip.offsetHeight - map.seatSize() / 2 - 12;
    const below = py + map.seatSize() / 2 + 12;
    const left = Math.max(8, Math.min(map.view.width - tooltip.offsetWidth - 8, px - tooltip.offsetWidth / 2));
    tooltip.style.transform = `translate(${Math.round(left)}px, ${Math.round(above > 4 ? above : below)}px)`;
  };
}
