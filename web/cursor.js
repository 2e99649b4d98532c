// The keyboard's way through the map: a cursor that moves from seat to seat.

const REACHABLE_PITCH_PX = 14;
const COMFORTABLE_PITCH_PX = 26;
const ZOOM_STEP = 1.5;

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {import("./seatmap.js").SeatMap} map
 * @param {(seat: number) => void} onToggle
 * @param {(seat: number) => void} onMove
 */
export function attachCursor(map, onToggle, onMove) {
  const { canvas, chart, view } = map;

  canvas.addEventListener("focus", () => {
    // A click focuses the canvas too; only the keyboard needs the cursor.
    if (!canvas.matches(":focus-visible")) return;
    moveTo(map.cursor < 0 ? nearestToCentre() : map.cursor);
  });
  canvas.addEventListener("blur", () => {
    map.cursorShown = false;
    map.changed();
    onMove(-1);
  });

  canvas.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const used = act(event.key);
    if (used) event.preventDefault();
  });

  /** @param {string} key @returns {boolean} */
  function act(key) {
    if (key === "+" || key === "=") view.glideZoom(ZOOM_STEP);
    else if (key === "-") view.glideZoom(1 / ZOOM_STEP);
    else if (key === "0") view.glideHome();
    else if (map.cursor < 0 && (key in ARROWS || key === "Home" || key === "End")) moveTo(nearestToCentre());
    else if (key in ARROWS) moveTo(neighbour(map.cursor, ...ARROWS[key]));
    else if (key === "Home") moveTo(rowEnd(map.cursor, -1));
    else if (key === "End") moveTo(rowEnd(map.cursor, 1));
    else if ((key === "Enter" || key === " ") && map.cursor >= 0) onToggle(map.cursor);
    else return false;
    return true;
  }

  /** @param {number} seat */
  function moveTo(seat) {
    map.cursor = seat;
    map.cursorShown = true;
    const tooSmall = chart.pitch * view.scale < REACHABLE_PITCH_PX;
    view.reveal(chart.x[seat], chart.y[seat], tooSmall ? COMFORTABLE_PITCH_PX / chart.pitch : 0);
    map.changed();
    onMove(seat);
  }

  /** @returns {number} */
  function nearestToCentre() {
    const [x, y] = view.toHall(view.width / 2, view.height / 2);
    const reach = Math.max(view.width, view.height) / view.scale;
    return Math.max(0, chart.nearest(x, y, reach));
  }

  /** @param {number} seat @param {number} side @returns {number} */
  function rowEnd(seat, side) {
    const { first, count } = chart.rows[chart.rowOf[seat]];
    const last = first + count - 1;
    return (chart.x[last] - chart.x[first]) * side > 0 ? last : first;
  }

  /**
   * The nearest seat in a direction; sideways distance weighs more, so that the way stays straight.
   * @param {number} seat @param {number} dx @param {number} dy @returns {number}
   */
  function neighbour(seat, dx, dy) {
    // Along a row its own order counts: on a steep arc the nearest seat to the right could be in another row.
    const along = rowStep(seat, dx);
    if (along >= 0) return along;
    let best = seat;
    let bestCost = Infinity;
    for (let i = 0; i < chart.count; i++) {
      const x = chart.x[i] - chart.x[seat];
      const y = chart.y[i] - chart.y[seat];
      const ahead = x * dx + y * dy;
      if (ahead < 20) continue;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (dy !== 0 && chart.rowOf[i] === chart.rowOf[seat]) continue;
      const cost = ahead + 2.5 * aside;
      if (cost < bestCost) [best, bestCost] = [i, cost];
    }
    return best;
  }

  /** @param {number} seat @param {number} dx @returns {number} */
  function rowStep(seat, dx) {
    if (dx === 0) return -1;
    for (const i of [seat - 1, seat + 1]) {
      if (i < 0 || i >= chart.count || chart.rowOf[i] !== chart.rowOf[seat]) continue;
      if ((chart.x[i] - chart.x[seat]) * dx > 0) return i;
    }
    return -1;
  }
}
