// The list of facts: only what can be seen is in the document, so that its length does not matter.

import { countUpTo } from "./audit-history.js";
import { FactFilter } from "./audit-filter.js";
import { lookOf, placesOf, titleOf } from "./audit-words.js";
import { byId, make, setText } from "./dom.js";
import { formatCount, formatMoment, formatNumber } from "./format.js";

const ROW_PX = 46;
const BEYOND_ROWS = 2;
// Browsers lay out nothing taller than some 16 million pixels. A longer list is scrolled in larger steps.
const HEIGHT_MAX_PX = 12_000_000;

export class FactList {
  /** @param {import("./audit-recorder.js").Recorder} recorder */
  constructor(recorder) {
    this.recorder = recorder;
    this.filter = new FactFilter(recorder);
    this.scroller = byId("facts");
    this.canvas = byId("facts-rows");
    /** @type {HTMLElement[]} */
    this.rows = [];
    this.height = 0;
    this.full = 0;
    recorder.addEventListener("grown", () => this.grow());
    recorder.addEventListener("moved", () => this.keepInView());
    this.filter.onChange = () => { this.resize(); this.keepInView(); };
    this.scroller.addEventListener("scroll", () => this.render(), { passive: true });
    this.scroller.addEventListener("click", (event) => this.click(event));
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.measure()).observe(this.scroller);
  }

  /** The list stays where it is: someone may be reading elsewhere while the sale goes on. */
  grow() {
    this.filter.extend();
    this.resize();
    this.render();
  }

  measure() {
    this.height = this.scroller.clientHeight;
    const needed = Math.ceil(this.height / ROW_PX) + 2 * BEYOND_ROWS;
    while (this.rows.length < needed) this.rows.push(this.addRow());
    this.keepInView();
  }

  addRow() {
    const row = make("div", { class: "fact", role: "option", id: `fact-row-${this.rows.length}` },
      make("span", { class: "fact-mark", "aria-hidden": "true" }),
      make("span", { class: "fact-title" }), make("span", { class: "fact-time" }),
      make("span", { class: "fact-places muted" }), make("span", { class: "fact-person muted" }));
    this.canvas.append(row);
    return row;
  }

  resize() {
    const { count } = this.filter;
    this.full = count * ROW_PX;
    const shown = Math.min(this.full, HEIGHT_MAX_PX);
    this.canvas.style.height = `${shown}px`;
    const all = this.recorder.history.count;
    setText(byId("facts-count"), count === all ? formatCount(all, "fact") : `${formatNumber(count)} of ${formatCount(all, "fact")}`);
    byId("facts-none").hidden = count > 0 || all === 0;
  }

  /** @returns {number} How many pixels of the list one pixel of the scroll bar stands for. */
  get stretch() {
    const room = Math.min(this.full, HEIGHT_MAX_PX) - this.height;
    return room > 0 ? (this.full - this.height) / room : 1;
  }

  /** @returns {number} The row of the current fact, or of the last one before it that the filter lets through. */
  currentRow() {
    const { facts, count } = this.filter;
    return (facts ? countUpTo(facts, count, this.recorder.fact) : this.recorder.at) - 1;
  }

  keepInView() {
    if (this.height === 0) return;
    const top = this.currentRow() * ROW_PX;
    const seen = this.scroller.scrollTop * this.stretch;
    if (top < seen || top > seen + this.height - ROW_PX) {
      this.scroller.scrollTop = (top - this.height / 2 + ROW_PX / 2) / this.stretch;
    }
    this.render();
  }

  render() {
    const { scrollTop } = this.scroller;
    const seen = scrollTop * this.stretch;
    const first = Math.max(0, Math.floor(seen / ROW_PX) - BEYOND_ROWS);
    const current = this.currentRow();
    this.rows.forEach((row, at) => {
      const place = first + at;
      row.hidden = place >= this.filter.count;
      if (row.hidden) return;
      row.style.transform = `translateY(${scrollTop + place * ROW_PX - seen}px)`;
      this.fill(row, this.filter.factAt(place), place === current);
      if (place === current) this.scroller.setAttribute("aria-activedescendant", row.id);
    });
  }

  /** @param {HTMLElement} row @param {number} fact @param {boolean} isCurrent */
  fill(row, fact, isCurrent) {
    const { history, chart, at } = this.recorder;
    row.setAttribute("aria-selected", String(isCurrent && fact === at - 1));
    row.classList.toggle("is-current", isCurrent && fact === at - 1);
    row.classList.toggle("is-later", fact >= at);
    if (row.dataset.fact === String(fact)) return;
    row.dataset.fact = String(fact);
    row.dataset.look = lookOf(history.type[fact]);
    row.setAttribute("aria-setsize", String(this.filter.count));
    const [, title, time, places, person] = /** @type {HTMLCollectionOf<HTMLElement>} */ (row.children);
    setText(title, titleOf(history, fact));
    setText(time, formatMoment(history.time[fact]));
    setText(places, placesOf(history, chart, fact));
    setText(person, history.personOf(fact));
  }

  /** @param {MouseEvent} event */
  click(event) {
    const row = event.target instanceof Element ? event.target.closest(".fact") : null;
    if (row instanceof HTMLElement) this.recorder.moveTo(Number(row.dataset.fact) + 1);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const page = Math.max(1, Math.floor(this.height / ROW_PX) - 1);
    /** @type {Record<string, number>} */
    const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || this.filter.count === 0) return;
    event.preventDefault();
    const place = Math.max(0, Math.min(this.filter.count - 1, this.currentRow() + steps[event.key]));
    this.recorder.moveTo(this.filter.factAt(place) + 1);
  }
}
