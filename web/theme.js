// The colours of the map come from the style sheet, so light and dark are decided in one place.

import { BANDS_MAX } from "./chart.js";

/**
 * @typedef {object} Theme
 * @property {string} paper
 * @property {string} ink
 * @property {string} muted
 * @property {string} stage
 * @property {string} stageEdge
 * @property {string} pending
 * @property {string} reserved
 * @property {string} chosen
 * @property {string} onChosen
 * @property {string} own
 * @property {string} onOwn
 * @property {string} focus
 * @property {string} accent
 * @property {string[]} bands
 * @property {string[]} onBands Black or white, whichever reads better on the band.
 * @property {string} font
 */

/** @returns {Theme} */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const value = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const bands = Array.from({ length: BANDS_MAX }, (_, band) => value(`--band-${band + 1}`));
  return {
    paper: value("--map"), ink: value("--ink"), muted: value("--muted"),
    stage: value("--stage"), stageEdge: value("--stage-edge"),
    pending: value("--pending"), reserved: value("--sold"),
    chosen: value("--chosen"), onChosen: value("--on-chosen"),
    own: value("--own"), onOwn: value("--on-own"), focus: value("--focus"), accent: value("--accent"),
    bands, onBands: bands.map((band) => (luminance(band) > 0.18 ? "#000000" : "#ffffff")),
    font: getComputedStyle(document.body).fontFamily,
  };
}

/** @param {string} hex Six digits. @returns {[number, number, number]} */
function channels(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @param {string} hex @returns {number} Relative luminance as WCAG defines it. */
function luminance(hex) {
  const [r, g, b] = channels(hex).map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} hex @returns {number} The colour as ImageData holds it, seen through a Uint32Array. */
export function packColour(hex) {
  const [r, g, b] = channels(hex);
  const bytes = new Uint8Array([r, g, b, 255]);
  return new Uint32Array(bytes.buffer)[0];
}

/** @param {() => void} changed */
export function watchTheme(changed) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  matchMedia("(prefers-contrast: more)").addEventListener("change", changed);
}
