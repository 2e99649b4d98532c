// A small aid for the browser's console and for tests: where a seat is, and how it stands.

/** @param {import("./show.js").Show} show @param {import("./seatmap.js").SeatMap} map @param {(seat: number) => void} toggle */
export function installConsole(show, map, toggle) {
  /** @param {string} label @returns {number} */
  const find = (label) => {
    const seat = show.chart.indexOf.get(label);
    if (seat === undefined) throw new Error(`There is no seat ${label}.`);
    return seat;
  };
  Object.assign(window, {
    fullhouse: {
      /** @param {string} label @returns {string} available, pending or reserved. */
      seatStatus: (label) => show.statusName(find(label)),
      /** @param {string} label @returns {{x: number, y: number}} The seat's centre in the window. */
      seatPoint: (label) => {
        const seat = find(label);
        const [px, py] = map.view.toScreen(show.chart.x[seat], show.chart.y[seat]);
        const box = map.canvas.getBoundingClientRect();
        return { x: box.left + px, y: box.top + py };
      },
      /** @param {string} label Chooses the seat as a click would. */
      select: (label) => {
        const seat = find(label);
        if (!show.chosen.has(seat)) toggle(seat);
      },
    },
  });
}
