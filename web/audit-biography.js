// The life of one seat: who held it, paid for it, gave it back or lost it, and whom it refused.

import { countUpTo } from "./audit-history.js";
import { lookOf, standingOf, TYPE_WORDS } from "./audit-words.js";
import { byId, make, setText } from "./dom.js";
import { formatCount, formatMoment, formatNumber } from "./format.js";

const ENTRIES_MAX = 500;
/** @type {Record<string, string>} */
const REASONS = { pending: "Refused, held", reserved: "Refused, sold" };

/** @typedef {{refusals: number, refused: {refused_at: string, subject: string, reason: string}[]}} Refusals */
/** @typedef {{time: number, at: number, look: string, what: string, who: string}} Entry `at` counts the facts up to it. */

export class Biography {
  /**
   * @param {import("./audit-recorder.js").Recorder} recorder
   * @param {(label: string) => Promise<Refusals|null>} fetchRefusals Null when the server keeps none.
   */
  constructor(recorder, fetchRefusals) {
    this.recorder = recorder;
    this.fetchRefusals = fetchRefusals;
    /** @type {Refusals|null} */
    this.refusals = null;
    /** @type {HTMLElement[]} */
    this.rows = [];
    this.moments = new Float64Array(0);
    this.shown = -1;
    this.factCount = 0;
    recorder.addEventListener("seat", () => this.open());
    recorder.addEventListener("moved", () => this.follow());
    recorder.addEventListener("grown", () => this.grow());
    byId("biography").addEventListener("keydown", (event) => { if (event.key === "Escape") recorder.lookAt(-1); });
    byId("biography-close").addEventListener("click", () => recorder.lookAt(-1));
    byId("biography-entries").addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest("button") : null;
      if (row) recorder.moveTo(Number(row.dataset.at));
    });
  }

  async open() {
    const { seat, chart } = this.recorder;
    byId("biography").hidden = seat < 0;
    this.refusals = null;
    if (seat < 0) return;
    setText(byId("biography-heading"), chart.describe(seat));
    byId("biography-entries").scrollTop = 0;
    this.render();
    const refusals = await this.fetchRefusals(chart.labels[seat]).catch(() => null);
    if (seat !== this.recorder.seat) return;
    this.refusals = refusals;
    this.render();
  }

  /** Drawing all anew would take the list from under someone's eyes, so it must be worth it. */
  grow() {
    const { seat, history } = this.recorder;
    if (seat >= 0 && history.about(seat).length > this.factCount) this.render();
  }

  /** @returns {Entry[]} */
  entries() {
    const { history, seat } = this.recorder;
    const about = history.about(seat);
    this.factCount = about.length;
    const facts = about.map((fact) => ({
      time: history.time[fact], at: fact + 1, look: lookOf(history.type[fact]),
      what: TYPE_WORDS[history.type[fact]], who: history.personOf(fact),
    }));
    const refused = (this.refusals?.refused ?? []).map(({ refused_at: refusedAt, subject, reason }) => {
      const time = Date.parse(refusedAt);
      return { time, at: history.countAt(time), look: "refused", what: REASONS[reason] ?? "Refused", who: subject };
    });
    // A stable sort: what happened in one millisecond stays in the order of the log.
    return [...facts, ...refused].sort((a, b) => a.at - b.at);
  }

  render() {
    const entries = this.entries();
    const kept = entries.slice(-ENTRIES_MAX);
    this.moments = Float64Array.from(kept, ({ at }) => at);
    this.rows = kept.map(({ time, at, look, what, who }) => make("li", {},
      make("button", { type: "button", class: "life", "data-at": String(at), "data-look": look },
        make("span", { class: "fact-mark", "aria-hidden": "true" }), make("span", { class: "fact-title" }, what),
        make("span", { class: "fact-time" }, formatMoment(time)), make("span", { class: "fact-person muted" }, who))));
    byId("biography-entries").replaceChildren(...this.rows);
    byId("biography-none").hidden = entries.length > 0;
    byId("biography-cut").hidden = kept.length === entries.length;
    setText(byId("biography-cut"), `The last ${formatNumber(kept.length)} of ${formatNumber(entries.length)} entries.`);
    const total = this.refusals?.refusals ?? 0;
    byId("biography-refusals").hidden = total === 0;
    setText(byId("biography-refusals"), `It was refused to ${formatCount(total, "request")} in all.`);
    this.shown = -1;
    this.follow();
  }

  /** Marks what had happened by the moment, and how the seat stood. */
  follow() {
    const { seat, at } = this.recorder;
    if (seat < 0) return;
    setText(byId("biography-status"), `${this.recorder.chart.labels[seat]}, at this moment ${standingOf(this.recorder, seat)}`);
    const current = countUpTo(this.moments, this.moments.length, at) - 1;
    if (current === this.shown) return;
    this.shown = current;
    this.rows.forEach((row, place) => {
      row.classList.toggle("is-current", place === current);
      row.classList.toggle("is-later", place > current);
    });
    const row = this.rows[current];
    const list = byId("biography-entries");
    if (!row) return;
    // The list is the rows' offset parent.
    const top = row.offsetTop;
    if (top < list.scrollTop || top + row.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 2;
  }
}
