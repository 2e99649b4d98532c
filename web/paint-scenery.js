// What surrounds the seats: section names and row names.

/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./viewport.js").Viewport} Viewport */

const GAP_LARGEST_CM = 300;
const SIGN_SMALLEST_PX = 9;
const SIGN_LARGEST_PX = 14;
const TAKEN_SQUARE_PX = 8;

/**
 * @typedef {object} SectionSign
 * @property {string} name
 * @property {number} x
 * @property {number} y
 * @property {number} gap Free floor in front of the first row.
 * @property {number} angle The name runs along its row: sections at the side are turned to the stage.
 */

/**
 * Section names stand between the middle of their first row and what is in front of it.
 * @param {import("./chart.js").Chart} chart @returns {SectionSign[]}
 */
export function placeSectionSigns(chart) {
  return chart.sections.map((section) => {
    const row = chart.rows[section.firstRow];
    const last = row.first + row.count - 1;
    const [before, after] = [row.first + ((row.count - 1) >> 1), row.first + (row.count >> 1)];
    const side = chart.x[last] < chart.x[row.first] ? -1 : 1;
    const dx = (chart.x[last] - chart.x[row.first]) * side;
    const dy = (chart.y[last] - chart.y[row.first]) * side;
    const length = Math.hypot(dx, dy);
    const angle = length === 0 ? 0 : Math.atan2(dy, dx);
    const [aheadX, aheadY] = [Math.sin(angle), -Math.cos(angle)];
    const [x, y] = [(chart.x[before] + chart.x[after]) / 2, (chart.y[before] + chart.y[after]) / 2];
    let gap = 60;
    while (gap < GAP_LARGEST_CM && chart.nearest(x + aheadX * gap, y + aheadY * gap, 45) < 0) gap += 15;
    const toStage = chart.stage ? y - (chart.stage.y + chart.stage.height) : 0;
    if (toStage > 0) gap = Math.min(gap, toStage);
    const ahead = Math.max(gap * 0.45, 62);
    return { name: section.name, x: x + aheadX * ahead, y: y + aheadY * ahead, gap, angle };
  });
}

/**
 * @param {CanvasRenderingContext2D} ctx @param {Theme} theme
 * @param {SectionSign[]} signs @param {import("./chart.js").Chart} chart @param {Viewport} view
 */
export function paintSectionSigns(ctx, theme, signs, chart, view) {
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  /** @type {Set<number>} Squares of the screen where a name stands already. */
  const taken = new Set();
  for (const sign of signs) {
    const [px, py] = view.toScreen(sign.x, sign.y);
    if (px < -200 || py < -200 || px > view.width + 200 || py > view.height + 200) continue;
    const size = Math.max(SIGN_SMALLEST_PX, Math.min(SIGN_LARGEST_PX, (sign.gap - 46) * view.scale * 0.62));
    ctx.font = `600 ${size}px ${theme.font}`;
    const width = ctx.measureText(sign.name).width;
    // A name that would run into seats or another name waits until there is room.
    if (!claim(taken, sign, px, py, width, size, chart, view)) continue;
    ctx.save();
    ctx.translate(px, py);
    ctx.rotate(sign.angle);
    writeOver(ctx, theme, sign.name, 0, 0, theme.ink);
    ctx.restore();
  }
}

/**
 * @param {Set<number>} taken @param {SectionSign} sign @param {number} px @param {number} py
 * @param {number} width @param {number} size Of the text, in pixels.
 * @param {import("./chart.js").Chart} chart @param {Viewport} view @returns {boolean} Whether the name's place was free.
 */
function claim(taken, { angle }, px, py, width, size, chart, view) {
  const seatRadius = chart.pitch * 0.4;
  const squares = [];
  const steps = Math.ceil(width / size);
  for (let step = 0; step <= steps; step++) {
    for (const side of [-0.4, 0.4]) {
      const along = (step / steps - 0.5) * width;
      const x = px + along * Math.cos(angle) - side * size * Math.sin(angle);
      const y = py + along * Math.sin(angle) + side * size * Math.cos(angle);
      const [hallX, hallY] = view.toHall(x, y);
      if (chart.nearest(hallX, hallY, seatRadius) >= 0) return false;
      squares.push(Math.floor(y / TAKEN_SQUARE_PX) * 10_000 + Math.floor(x / TAKEN_SQUARE_PX));
    }
  }
  if (squares.some((square) => taken.has(square))) return false;
  for (const square of squares) taken.add(square);
  return true;
}

/** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {string} text @param {number} x @param {number} y @param {string} colour */
function writeOver(ctx, theme, text, x, y, colour) {
  // A halo in the colour of the ground keeps the word readable where it touches seats.
  ctx.strokeStyle = theme.paper;
  ctx.lineWidth = 3;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

/**
 * Row names stand at both ends of a row. Where its left end is out of sight, the name is pinned to the edge instead.
 * @param {CanvasRenderingContext2D} ctx @param {Theme} theme
 * @param {import("./chart.js").Chart} chart @param {Viewport} view
 * @param {Map<number, {left: number, right: number}>} ends The outermost visible seats of each visible row.
 */
export function paintRowNames(ctx, theme, chart, view, ends) {
  const pitch = chart.pitch * view.scale;
  if (pitch < 11) return;
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
