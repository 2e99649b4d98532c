// What surrounds the seats: the stage, section names and row names.

/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./viewport.js").Viewport} Viewport */

/** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {import("./types.js").Rect|null} stage @param {Viewport} view */
export function paintStage(ctx, theme, stage, view) {
  if (!stage) return;
  const [left, top] = view.toScreen(stage.x, stage.y);
  const width = stage.width * view.scale;
  const height = stage.height * view.scale;
  const depth = Math.min(height * 0.45, width * 0.12);
  // A straight back wall and a front edge that bows gently to the audience.
  ctx.beginPath();
  ctx.moveTo(left + width * 0.06, top);
  ctx.lineTo(left + width * 0.94, top);
  ctx.lineTo(left + width, top + height - depth);
  ctx.quadraticCurveTo(left + width / 2, top + height + depth, left, top + height - depth);
  ctx.closePath();
  ctx.fillStyle = theme.stage;
  ctx.fill();
  ctx.beginPath();
  ctx.moveTo(left, top + height - depth);
  ctx.quadraticCurveTo(left + width / 2, top + height + depth, left + width, top + height - depth);
  ctx.strokeStyle = theme.stageEdge;
  ctx.lineWidth = 1.5;
  ctx.stroke();

  const size = Math.max(9, Math.min(18, height * 0.28));
  ctx.font = `600 ${size}px ${theme.font}`;
  ctx.letterSpacing = `${size * 0.28}px`;
  if (ctx.measureText("STAGE").width > width * 0.8) ctx.letterSpacing = "0px";
  const fits = height > size * 1.4 && ctx.measureText("STAGE").width < width * 0.9;
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  if (fits) ctx.fillText("STAGE", left + width / 2 + size * 0.14, top + height * 0.5);
  ctx.letterSpacing = "0px";
}

const GAP_LARGEST_CM = 300;
const SIGN_SMALLEST_PX = 9;
const SIGN_LARGEST_PX = 14;

/**
 * @typedef {object} SectionSign
 * @property {string} name
 * @property {number} x
 * @property {number} y
 * @property {number} gap Free floor in front of the first row.
 * @property {number} width Of the first row.
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
    const middle = row.first + (row.count >> 1);
    const side = chart.x[last] < chart.x[row.first] ? -1 : 1;
    const dx = (chart.x[last] - chart.x[row.first]) * side;
    const dy = (chart.y[last] - chart.y[row.first]) * side;
    const length = Math.hypot(dx, dy);
    const angle = length === 0 ? 0 : Math.atan2(dy, dx);
    const [aheadX, aheadY] = [Math.sin(angle), -Math.cos(angle)];
    const [x, y] = [chart.x[middle], chart.y[middle]];
    let gap = 60;
    while (gap < GAP_LARGEST_CM && chart.nearest(x + aheadX * gap, y + aheadY * gap, 45) < 0) gap += 15;
    const toStage = chart.stage ? y - (chart.stage.y + chart.stage.height) : 0;
    if (toStage > 0) gap = Math.min(gap, toStage);
    const ahead = Math.max(gap * 0.45, 62);
    return { name: section.name, x: x + aheadX * ahead, y: y + aheadY * ahead, gap, width: length + chart.pitch, angle };
  });
}

/** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {SectionSign[]} signs @param {Viewport} view */
export function paintSectionSigns(ctx, theme, signs, view) {
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const { name, x, y, gap, width, angle } of signs) {
    const [px, py] = view.toScreen(x, y);
    if (px < -200 || py < -200 || px > view.width + 200 || py > view.height + 200) continue;
    const wanted = Math.max(SIGN_SMALLEST_PX, Math.min(SIGN_LARGEST_PX, (gap - 46) * view.scale * 0.62));
    ctx.font = `600 ${wanted}px ${theme.font}`;
    const size = Math.min(wanted, (wanted * width * view.scale * 1.15) / ctx.measureText(name).width);
    // A name that is longer than its row would run into its neighbour's; it waits until there is room.
    if (size < SIGN_SMALLEST_PX) continue;
    ctx.font = `600 ${size}px ${theme.font}`;
    ctx.save();
    ctx.translate(px, py);
    ctx.rotate(angle);
    writeOver(ctx, theme, name, 0, 0, theme.ink);
    ctx.restore();
  }
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
