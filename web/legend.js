// Explains prices and shapes. The swatches are drawn by the same code as the map, so they can't disagree.

import { byId, make } from "./dom.js";
import { formatMoneyShort } from "./format.js";
import { paintSeat } from "./paint-seat.js";
import { AVAILABLE, BOUGHT, CHOSEN, HELD, PENDING, RESERVED } from "./show.js";
import { readTheme, watchTheme } from "./theme.js";

const SWATCH_PX = 18;
const SEAT_PX = 13;

const EVERYBODYS = [
  { kind: PENDING, band: 0, text: "Held" },
  { kind: RESERVED, band: 0, text: "Sold" },
];
const OWN = [
  { kind: CHOSEN, band: 0, text: "Chosen" },
  { kind: HELD, band: 0, text: "Held for you" },
  { kind: BOUGHT, band: 0, text: "Yours" },
];

/** @param {import("./chart.js").Chart} chart @param {boolean} [withOwn] Whether someone here can have seats of their own. */
export function showLegend(chart, withOwn = true) {
  const prices = chart.bands.map((range, band) => ({ kind: AVAILABLE, band, text: bandText(range) }));
  const states = withOwn ? [...EVERYBODYS, ...OWN] : EVERYBODYS;

  const draw = () => {
    const item = (/** @type {{kind: number, band: number, text: string}} */ { kind, band, text }) => make("li", {}, swatch(kind, band), text);
    byId("legend").replaceChildren(
      make("ul", { "aria-label": "Prices" }, ...prices.map(item)),
      make("ul", { "aria-label": "What the shapes mean" }, ...states.map(item)),
    );
  };
  draw();
  watchTheme(draw);
}

/** @param {{from: import("./types.js").Money, to: import("./types.js").Money}} range @returns {string} */
export function bandText({ from, to }) {
  return from.amount === to.amount ? formatMoneyShort(from) : `${formatMoneyShort(from)} to ${formatMoneyShort(to)}`;
}

/** @param {number} kind @param {number} band @returns {HTMLCanvasElement} One seat, as on the map. */
export function swatch(kind, band) {
  const canvas = make("canvas", { class: "swatch", "aria-hidden": "true" });
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(SWATCH_PX * ratio);
  const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  paintSeat(ctx, readTheme(), kind, band, canvas.width / 2, canvas.height / 2, SEAT_PX * ratio, true);
  return canvas;
}
