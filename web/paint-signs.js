// Section names. Each runs along the arc of its first row, so that it fits between two rings of seats.

/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./chart.js").Chart} Chart */
/** @typedef {import("./viewport.js").Viewport} Viewport */

const GAP_LARGEST_CM = 300;
const SMALLEST_PX = 8.5;
const LARGEST_PX = 13;
const SQUARE_PX = 8;
// Below this sagitta a row is as good as straight.
const FLAT_CM = 2;
// Scripts whose letters stand alone. Others (Arabic, Devanagari) join theirs and stay in one straight piece.
const SEPARABLE = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}\p{N}\p{P}\p{S}\p{Zs}]*$/u;

/**
 * @typedef {object} Sign
 * @property {string} name
 * @property {number} x
 * @property {number} y
 * @property {number} gap Free floor in front of the first row.
 * @property {number} angle The name runs along its row: sections at the side are turned to the stage.
 * @property {number} radius Of the arc; positive when its centre lies ahead, zero when the row is straight.
 */

/**
 * Names stand between the middle of their first row and what is in front of it.
 * @param {Chart} chart @returns {Sign[]}
 */
function placeSigns(chart) {
  return chart.sections.map((section) => {
    const row = chart.rows[section.firstRow];
    const last = row.first + row.count - 1;
    const [before, after] = [row.first + ((row.count - 1) >> 1), row.first + (row.count >> 1)];
    const side = chart.x[last] < chart.x[row.first] ? -1 : 1;
    const dx = (chart.x[last] - chart.x[row.first]) * side;
    const dy = (chart.y[last] - chart.y[row.first]) * side;
    const chord = Math.hypot(dx, dy);
    const angle = chord === 0 ? 0 : Math.atan2(dy, dx);
    const [aheadX, aheadY] = [Math.sin(angle), -Math.cos(angle)];
    const [x, y] = [(chart.x[before] + chart.x[after]) / 2, (chart.y[before] + chart.y[after]) / 2];
    let gap = 60;
    while (gap < GAP_LARGEST_CM && chart.nearest(x + aheadX * gap, y + aheadY * gap, 45) < 0) gap += 15;
    const toStage = chart.stage ? y - (chart.stage.y + chart.stage.height) : 0;
    if (toStage > 0) gap = Math.min(gap, toStage);
    const ahead = Math.max(gap * 0.47, 62);
    // How far the row's ends stand ahead of its middle gives the circle through all three.
    const sagitta = (chart.x[row.first] - x) * aheadX + (chart.y[row.first] - y) * aheadY;
    const rowRadius = Math.abs(sagitta) < FLAT_CM ? 0 : (chord ** 2 / 4 + sagitta ** 2) / (2 * sagitta);
    const radius = rowRadius > ahead * 2 || rowRadius < 0 ? rowRadius - ahead : 0;
    return { name: section.name, x: x + aheadX * ahead, y: y + aheadY * ahead, gap, angle, radius };
  });
}

export class SignPainter {
  /** @param {Chart} chart */
  constructor(chart) {
    this.chart = chart;
    this.signs = placeSigns(chart);
    this.key = "";
    /** @type {{letters: Letter[], size: number}[]} */
    this.placed = [];
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {Viewport} view */
  paint(ctx, theme, view) {
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    // Whole-pixel steps would make the letters dance along the arc.
    ctx.textRendering = "geometricPrecision";
    // Finding room for the names takes longer than writing them, and while only seats change it stays the same.
    const key = [view.left, view.top, view.scale, view.width, view.height, theme.font].join(" ");
    if (key !== this.key) this.placed = this.place(ctx, theme, view);
    this.key = key;
    for (const { letters, size } of this.placed) {
      ctx.font = `600 ${size}px ${theme.font}`;
      // All halos first: a letter's halo must not eat into the letter before it.
      for (const stroke of [true, false]) {
        for (const letter of letters) {
          ctx.save();
          ctx.translate(letter.x, letter.y);
          ctx.rotate(letter.angle);
          if (stroke) halo(ctx, theme, letter.text, 0, 0);
          else ink(ctx, letter.text, 0, 0, theme.ink);
          ctx.restore();
        }
      }
    }
  }

  /** A name that would run into seats or another name waits until there is room. @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {Viewport} view */
  place(ctx, theme, view) {
    /** @type {Set<number>} Squares of the screen where a name stands already. */
    const taken = new Set();
    const placed = [];
    for (const sign of this.signs) {
      const [px, py] = view.toScreen(sign.x, sign.y);
      if (px < -200 || py < -200 || px > view.width + 200 || py > view.height + 200) continue;
      const size = Math.max(SMALLEST_PX, Math.min(LARGEST_PX, (sign.gap - 46) * view.scale * 0.6));
      ctx.font = `600 ${size}px ${theme.font}`;
      const letters = lettersOf(ctx, sign, view);
      if (claim(taken, letters, size, this.chart, view)) placed.push({ letters, size });
    }
    return placed;
  }
}

/**
 * @typedef {{text: string, x: number, y: number, angle: number, width: number}} Letter
 * @param {CanvasRenderingContext2D} ctx @param {Sign} sign @param {Viewport} view @returns {Letter[]} In pixels.
 */
function lettersOf(ctx, { name, x, y, angle, radius }, view) {
  const [px, py] = view.toScreen(x, y);
  const width = ctx.measureText(name).width;
  if (radius === 0 || !SEPARABLE.test(name)) return [{ text: name, x: px, y: py, angle, width }];
  const arc = radius * view.scale;
  const [centreX, centreY] = [px + Math.sin(angle) * arc, py - Math.cos(angle) * arc];
  let written = "";
  return Array.from(name, (text) => {
    // The width up to here, not the sum of single widths, keeps the font's kerning.
    const start = ctx.measureText(written).width;
    written += text;
    const end = ctx.measureText(written).width;
    const turn = angle - ((start + end) / 2 - width / 2) / arc;
    return { text, x: centreX - Math.sin(turn) * arc, y: centreY + Math.cos(turn) * arc, angle: turn, width: end - start };
  });
}

/**
 * @param {Set<number>} taken @param {Letter[]} letters @param {number} size @param {Chart} chart @param {Viewport} view
 * @returns {boolean} Whether the name's place was free.
 */
function claim(taken, letters, size, chart, view) {
  /** @type {number[]} */
  const squares = [];
  // From far away many seats fit between two points of the text, so the points grow.
  const reach = Math.max(chart.pitch * 0.42, (size * 0.25) / view.scale);
  for (const { x, y, angle, width } of letters) {
    const steps = Math.max(1, Math.ceil(width / size));
    for (let step = 0; step <= steps; step++) {
      for (const side of [-0.4, 0.4]) {
        const along = (step / steps - 0.5) * width;
        const pointX = x + along * Math.cos(angle) - side * size * Math.sin(angle);
        const pointY = y + along * Math.sin(angle) + side * size * Math.cos(angle);
        if (chart.nearest(...view.toHall(pointX, pointY), reach) >= 0) return false;
        squares.push(Math.floor(pointY / SQUARE_PX) * 10_000 + Math.floor(pointX / SQUARE_PX));
      }
    }
  }
  if (squares.some((square) => taken.has(square))) return false;
  for (const square of squares) taken.add(square);
  return true;
}

/** A halo in the colour of the ground keeps a word readable. @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {string} text @param {number} x @param {number} y */
function halo(ctx, theme, text, x, y) {
  ctx.strokeStyle = theme.paper;
  ctx.lineWidth = 3;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
}

/** @param {CanvasRenderingContext2D} ctx @param {string} text @param {number} x @param {number} y @param {string} colour */
function ink(ctx, text, x, y, colour) {
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}

/** @param {CanvasRenderingContext2D} ctx @param {Theme} theme @param {string} text @param {number} x @param {number} y @param {string} colour */
export function writeOver(ctx, theme, text, x, y, colour) {
  halo(ctx, theme, text, x, y);
  ink(ctx, text, x, y, colour);
}
