// What is left at each price, live, for someone who has not chosen yet.

import { byId, make, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { bandText, swatch } from "./legend.js";
import { AVAILABLE, CHOSEN } from "./show.js";
import { watchTheme } from "./theme.js";

/** @param {import("./show.js").Show} show */
export function showPrices(show) {
  const { chart } = show;
  const sections = chart.bands.map((_, band) => chart.sections.filter(({ first }) => chart.band[first] === band).map(({ name }) => name));
  /** @type {HTMLElement[]} */
  let counts = [];

  const count = () => {
    const free = chart.bands.map(() => 0);
    for (let i = 0; i < chart.count; i++) if (show.kinds[i] === AVAILABLE || show.kinds[i] === CHOSEN) free[chart.band[i]]++;
    counts.forEach((element, band) => setText(element, free[band] > 0 ? `${formatNumber(free[band])} left` : "Sold out"));
  };
  const build = () => {
    counts = chart.bands.map(() => make("span", { class: "price-left" }));
    byId("price-list").replaceChildren(...chart.bands.map((range, band) => make("li", {},
      swatch(AVAILABLE, band),
      make("strong", { class: "price-amount" }, bandText(range)),
      make("span", { class: "price-where muted" }, commonName(sections[band])),
      counts[band])));
    count();
  };
  build();
  watchTheme(build);
  show.addEventListener("seats", count);
}

/** "Stalls Left" and "Stalls Right" are the Stalls. @param {string[]} names @returns {string} */
function commonName(names) {
  const words = names.map((name) => name.split(" "));
  const [first = []] = words;
  const shared = first.findIndex((word, at) => words.some((other) => other[at] !== word));
  const common = shared < 0 ? first : first.slice(0, shared);
  return common.length > 0 ? common.join(" ") : names.length > 2 ? `${names.length} sections` : names.join(", ");
}
