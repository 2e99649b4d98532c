// The panel: seats that are chosen, held or booked, and what can be done with them.

import { freshKey } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatCount, formatDuration, formatMoney, formatTime } from "./format.js";

/** @typedef {import("./types.js").Money} Money */

export class Cart {
  /** @param {import("./show.js").Show} show @param {import("./booking.js").Booking} booking */
  constructor(show, booking) {
    this.show = show;
    this.booking = booking;
    /** @type {import("./types.js").Reservation|null} What was booked last, until more seats are wanted. */
    this.booked = null;
    this.mode = "";
    /** @type {() => void} */
    this.onMode = () => {};
    this.prepareBestForm();
    byId("hold").addEventListener("click", () => booking.holdChosen());
    byId("clear").addEventListener("click", () => show.deselect([...show.chosen]));
    byId("release").addEventListener("click", () => booking.release());
    byId("again").addEventListener("click", () => { this.booked = null; this.render(); byId("panel-heading").focus(); });
    byId("pay").addEventListener("submit", (event) => {
      event.preventDefault();
      booking.checkOut(this.reference().value.trim());
    });
    booking.onBusy = () => this.render();
    show.addEventListener("chosen", () => this.render());
    show.addEventListener("reservation", (event) => {
      const { reservation, before } = /** @type {CustomEvent} */ (event).detail;
      if (reservation.status === "reserved" && before === "pending") this.booked = reservation;
      if (reservation.status === "pending") this.booked = null;
      this.render();
    });
    this.render();
  }

  /** @returns {HTMLInputElement} */
  reference() {
    return byId("payment-reference");
  }

  prepareBestForm() {
    const { info, chart } = this.show;
    const section = /** @type {HTMLSelectElement} */ (byId("best-section"));
    const count = /** @type {HTMLInputElement} */ (byId("best-count"));
    count.max = String(info.max_seats_per_reservation);
    count.value = String(Math.min(2, info.max_seats_per_reservation));
    section.replaceChildren(make("option", { value: "" }, "Anywhere"),
      ...chart.sections.map(({ name, first }) => make("option", { value: name }, `${name}, ${formatMoney(chart.prices[first])}`)));
    byId("best-available").addEventListener("submit", (event) => {
      event.preventDefault();
      this.booking.holdBest(Number(count.value), section.value);
    });
    setText(byId("about"), `${info.description} You can take ${formatCount(info.max_seats_per_reservation)} at most at once, and a hold lasts ${formatDuration(info.hold_seconds)}.`.trim());
  }

  render() {
    const hold = this.show.openHold();
    const mode = hold ? "held" : this.show.chosen.size > 0 ? "chosen" : this.booked ? "booked" : "empty";
    const entered = mode !== this.mode;
    const focusInside = byId("panel").contains(document.activeElement);
    this.mode = mode;
    byId("panel").dataset.mode = mode;
    byId("cart").hidden = mode === "empty";
    byId("choose-actions").hidden = mode !== "chosen";
    byId("pay").hidden = mode !== "held";
    byId("clock").hidden = mode !== "held";
    byId("booked-actions").hidden = mode !== "booked";
    byId("best-available").hidden = mode === "held" || mode === "booked";
    byId("about").hidden = mode === "held" || mode === "booked";
    byId("prices").hidden = mode !== "empty";
    byId("reservation-code").hidden = mode !== "booked";
    setText(byId("reservation-code"), `Reservation ${this.booked?.reservation_id ?? ""}`);
    this.renderStatus(mode);
    this.renderSeats(mode, hold);
    if (entered && mode === "held") this.reference().value = `demo-${freshKey().slice(0, 8)}`;
    // The button that was pressed has just gone; the heading is where reading goes on.
    if (entered && focusInside && !byId("panel").contains(visibleFocus())) byId("panel-heading").focus({ preventScroll: true });

    const { busy } = this.booking;
    for (const id of ["hold", "hold-best", "checkout", "release"]) byId(id).setAttribute("aria-disabled", String(busy));
    setText(byId("hold"), busy && mode === "chosen" ? "Holding" : `Hold ${this.show.chosen.size === 1 ? "this seat" : "these seats"}`);
    if (entered) this.onMode();
  }

  /** @param {string} mode */
  renderStatus(mode) {
    setText(byId("panel-heading"), mode === "held" ? "Held for you" : mode === "booked" ? "Booked" : "Your seats");
    const texts = /** @type {Record<string, string>} */ ({
      held: "Check out before the time is up.",
      booked: "These seats are yours. Enjoy the show.",
      chosen: "Chosen, but not held yet.",
      empty: this.notOnSale() || this.bookedBefore() || "Choose seats on the map or in the list.",
    });
    setText(byId("reservation-status"), texts[mode]);
    byId("reservation-status").dataset.status = mode;
  }

  /** @returns {string} */
  notOnSale() {
    const { on_sale_at: time } = this.show.info;
    return time && Date.parse(time) > Date.now() ? `On sale from ${formatTime(time)}.` : "";
  }

  /** After a reload, the person must still see what they have bought. @returns {string} */
  bookedBefore() {
    const labels = this.show.bookedLabels();
    return labels.length > 0 ? `You have booked ${this.show.chart.describeAll(labels)}.` : "";
  }

  /** @param {string} mode @param {import("./types.js").Reservation|null} hold */
  renderSeats(mode, hold) {
    const { chart } = this.show;
    const reservation = mode === "held" ? hold : mode === "booked" ? this.booked : null;
    const lines = reservation
      ? reservation.seats.map(({ seat, price }) => ({ seat: chart.indexOf.get(seat) ?? -1, label: seat, price }))
      : [...this.show.chosen].map((seat) => ({ seat, label: chart.labels[seat], price: chart.prices[seat] }));
    byId("cart-seats").replaceChildren(...lines.map(({ seat, label, price }) => this.line(seat, label, price, mode === "chosen")));
    const sum = lines.reduce((total, { price }) => total + price.amount, 0);
    const total = reservation?.total ?? { amount: sum, currency: lines[0]?.price.currency ?? "EUR" };
    setText(byId("cart-total"), lines.length > 0 ? formatMoney(total) : "");
  }

  /** @param {number} seat @param {string} label @param {Money} price @param {boolean} removable @returns {HTMLElement} */
  line(seat, label, price, removable) {
    const { chart } = this.show;
    const { section, place } = seat >= 0 ? chart.parts(seat) : { section: label, place: "" };
    const name = make("span", { class: "cart-name" }, make("span", { class: "cart-section" }, section), " ", make("span", { class: "cart-place muted" }, place));
    const item = make("li", { "data-seat": label }, name, make("span", { class: "cart-price" }, formatMoney(price)));
    if (removable) {
      const remove = make("button", { type: "button", class: "cart-remove", "aria-label": `Remove ${chart.describe(seat)}` }, "\u00d7");
      remove.addEventListener("click", () => this.show.deselect([seat]));
      item.append(remove);
    }
    return item;
  }
}

/** Hiding an element does not at once move the focus away from it. @returns {Element|null} */
function visibleFocus() {
  const { activeElement } = document;
  return activeElement instanceof HTMLElement && activeElement.offsetParent !== null ? activeElement : null;
}
