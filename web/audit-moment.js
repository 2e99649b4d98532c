// The current fact in full: what the history keeps of it, and on request the words of the log itself.

import { HELD } from "./audit-pack.js";
import { lookOf, titleOf } from "./audit-words.js";
import { byId, make, setText } from "./dom.js";
import { formatMoment, formatNumber } from "./format.js";

export class MomentCard {
  /**
   * @param {import("./audit-recorder.js").Recorder} recorder
   * @param {(fact: number) => Promise<unknown>} fetchFact
   * @param {(text: string) => void} onName Someone wants the facts that name this.
   */
  constructor(recorder, fetchFact, onName) {
    this.recorder = recorder;
    this.fetchFact = fetchFact;
    this.onName = onName;
    /** The largest log position below a checkpoint. */
    this.sealedTo = 0;
    this.stored = /** @type {HTMLDetailsElement} */ (byId("stored"));
    this.stored.addEventListener("toggle", () => { if (this.stored.open) this.showStored(); });
    recorder.addEventListener("moved", () => this.render());
    byId("moment-seats").addEventListener("click", (event) => {
      if (event.target instanceof HTMLButtonElement) recorder.lookAt(Number(event.target.dataset.seat));
    });
    for (const id of ["moment-person", "moment-reservation"]) {
      byId(id).addEventListener("click", () => onName(byId(id).textContent ?? ""));
    }
  }

  /** @param {number} logPosition */
  setSealed(logPosition) {
    this.sealedTo = logPosition;
    this.renderSeal();
  }

  render() {
    const { history, fact } = this.recorder;
    byId("moment").hidden = fact < 0;
    if (fact < 0) return;
    // The words of another fact must not stand below this one.
    this.stored.open = false;
    byId("moment").dataset.look = lookOf(history.type[fact]);
    setText(byId("moment-title"), titleOf(history, fact));
    this.renderSeats(fact);
    write("moment-person", history.personOf(fact));
    write("moment-reservation", history.strings[history.reservation[fact]]);
    write("moment-payment", history.strings[history.payment[fact]]);
    write("moment-until", history.type[fact] === HELD && history.expires[fact] > 0 ? formatMoment(history.expires[fact]) : "");
    this.renderSeal();
  }

  renderSeal() {
    const { history, fact } = this.recorder;
    if (fact < 0) return;
    const isSealed = history.logPosition[fact] <= this.sealedTo;
    const seal = this.sealedTo === 0 ? "" : isSealed ? ", sealed" : ", not sealed yet";
    write("moment-log", `${formatNumber(history.logPosition[fact])}${seal}`);
  }

  /** The seats by their labels, as the log has them, each a way to its biography. @param {number} fact */
  renderSeats(fact) {
    const { history, chart } = this.recorder;
    const seats = [...history.seatsOf(fact)];
    const buttons = seats.map((seat) => make("button", { type: "button", class: "name", "data-seat": String(seat), title: chart.describe(seat) }, chart.labels[seat]));
    byId("moment-seats").replaceChildren(...buttons.flatMap((button, at) => (at === 0 ? [button] : [", ", button])));
    /** @type {HTMLElement} */ (byId("moment-seats").parentElement).hidden = seats.length === 0;
  }

  async showStored() {
    const { fact } = this.recorder;
    const place = byId("stored-text");
    setText(place, "Asking the log");
    let text = "";
    try {
      text = JSON.stringify(await this.fetchFact(fact), null, 2);
    } catch (error) {
      text = error instanceof Error ? error.message : String(error);
    }
    if (fact === this.recorder.fact) place.replaceChildren(make("code", {}, text));
  }
}

/** @param {string} id @param {string} text Nothing to say leaves no gap. */
function write(id, text) {
  const row = byId(id).closest("div");
  if (row) row.hidden = text === "";
  setText(byId(id), text);
}
