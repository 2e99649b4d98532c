// The stage: where it may stand without touching a seat, and how it looks.

/** @typedef {import("./theme.js").Theme} Theme */
/** @typedef {import("./types.js").Rect} Rect */
/** @typedef {import("./viewport.js").Viewport} Viewport */

// Room for a seat and for the name of a section that runs along the stage.
const CLEAR_CM = 280;
const NARROWEST_SHARE = 0.3;

/**
 * Blocks at the side reach around the stage. It is drawn narrower than its rectangle, so that neither they nor their
 * names touch it.
 * @param {import("./chart.js").Chart} chart @returns {Rect|null}
 */
export function clearStage(chart) {
  const { stage } = chart;
  if (!stage) return null;
  const centre = stage.x + stage.width / 2;
  let half = stage.width / 2;
  chart.within(stage.x - CLEAR_CM, stage.y, stage.x + stage.width + CLEAR_CM, stage.y + stage.height + CLEAR_CM / 2, (i) => {
    if (chart.y[i] < stage.y + stage.height + CLEAR_CM / 2) half = Math.min(half, Math.abs(chart.x[i] - centre) - CLEAR_CM);
  });
  // A hall with seats right in front of the stage, or all around it, says with its rectangle where the stage is.
  if (half < (stage.width / 2) * NARROWEST_SHARE) return stage;
  return { x: centre - half, y: stage.y, width: half * 2, height: stage.height };
}

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
