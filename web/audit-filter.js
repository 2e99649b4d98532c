// Which facts the list shows: by type, and by a text that names a seat, a reservation, a person or a payment.

import { joined } from "./audit-history.js";
import { OTHER } from "./audit-pack.js";
import { TYPE_WORDS } from "./audit-words.js";
import { byId, make } from "./dom.js";

const SETTLE_MS = 150;

export class FactFilter {
  /** @param {import("./audit-recorder.js").Recorder} recorder */
  constructor(recorder) {
    this.recorder = recorder;
    /** The facts that are let through, or null when all are. @type {Uint32Array|null} */
    this.facts = null;
    this.found = 0;
    this.looked = 0;
    this.type = -1;
    this.text = "";
    /** @type {() => void} */
    this.onChange = () => {};
    this.field = /** @type {HTMLInputElement} */ (byId("filter-text"));
    this.choice = /** @type {HTMLSelectElement} */ (byId("filter-type"));
    this.choice.append(...TYPE_WORDS.map((word, type) => make("option", { value: String(type) }, word)));
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    this.field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.change(), SETTLE_MS);
    });
    this.choice.addEventListener("change", () => this.change());
    byId("filter").addEventListener("submit", (event) => { event.preventDefault(); this.change(); });
  }

  /** Only facts that name this. @param {string} text */
  ask(text) {
    this.field.value = text;
    this.change();
  }

  get count() {
    return this.facts ? this.found : this.recorder.history.count;
  }

  /** @param {number} place In the list. @returns {number} */
  factAt(place) {
    return this.facts ? this.facts[place] : place;
  }

  change() {
    this.text = this.field.value.trim().toLowerCase();
    this.type = this.choice.value === "" ? -1 : Number(this.choice.value);
    this.facts = this.text === "" && this.type < 0 ? null : new Uint32Array(0);
    this.found = 0;
    this.looked = 0;
    this.extend();
    this.onChange();
  }

  /** Looks through the facts that were not looked at yet. */
  extend() {
    const { history } = this.recorder;
    if (!this.facts || this.looked === history.count) return;
    const lets = this.matcher();
    const added = [];
    for (; this.looked < history.count; this.looked++) if (lets(this.looked)) added.push(this.looked);
    this.facts = joined(this.facts, this.found, added);
    this.found += added.length;
  }

  /** @returns {(fact: number) => boolean} */
  matcher() {
    const { history, chart } = this.recorder;
    const { type } = this;
    const isOfType = (/** @type {number} */ fact) => type < 0 || Math.min(history.type[fact], OTHER) === type;
    if (this.text === "") return isOfType;
    const seats = matching(chart.labels, this.text);
    const texts = matching(history.strings, this.text);
    return (fact) => {
      if (!isOfType(fact)) return false;
      if (texts[history.subject[fact]] || texts[history.reservation[fact]] || texts[history.payment[fact]]) return true;
      if (texts[history.holders.get(history.reservation[fact]) ?? 0]) return true;
      for (let k = history.seatStart(fact); k < history.seatEnd[fact]; k++) if (seats[history.seats[k]]) return true;
      return false;
    };
  }
}

/** Whoever writes a whole name means it alone, not "A-10" with "A-1". @param {string[]} names @param {string} text @returns {Uint8Array} */
function matching(names, text) {
  const found = new Uint8Array(names.length);
  const whole = names.findIndex((name) => name.toLowerCase() === text);
  if (whole >= 0) found[whole] = 1;
  else names.forEach((name, at) => { if (name.toLowerCase().includes(text)) found[at] = 1; });
  return found;
}
