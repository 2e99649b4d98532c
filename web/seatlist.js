// The same seats as buttons: section, row, seat. Only the opened row is in the document.

import { byId, make, setText } from "./dom.js";
import { formatMoney, formatNumber, KIND_WORDS } from "./format.js";
import { AVAILABLE, BOUGHT, CHOSEN, HELD } from "./show.js";

export class SeatList {
  /** @param {import("./show.js").Show} show @param {(seat: number) => void} onToggle */
  constructor(show, onToggle) {
    this.show = show;
    this.chart = show.chart;
    this.onToggle = onToggle;
    this.root = byId("list-view");
    this.section = this.chart.sections.length === 1 ? 0 : -1;
    this.row = -1;
    /** @type {Map<number, HTMLButtonElement>} */
    this.seatButtons = new Map();
    /** @type {Map<number, HTMLElement>} */
    this.rowCounts = new Map();
    /** @type {Map<number, HTMLElement>} */
    this.sectionCounts = new Map();
    show.addEventListener("seats", () => this.refresh());
    show.addEventListener("chosen", () => this.refresh());
  }

  get visible() {
    return !this.root.hidden;
  }

  /** @param {boolean} visible */
  setVisible(visible) {
    this.root.hidden = !visible;
    if (visible) this.build();
  }

  build() {
    this.seatButtons.clear();
    this.rowCounts.clear();
    this.sectionCounts.clear();
    this.root.replaceChildren(...this.chart.sections.map((_, section) => this.buildSection(section)));
    this.refresh();
  }

  /** @param {number} section @returns {HTMLElement} */
  buildSection(section) {
    const { name, firstRow, rowCount, first } = this.chart.sections[section];
    const open = section === this.section;
    const count = make("span", { class: "list-count muted" });
    this.sectionCounts.set(section, count);
    const price = make("span", { class: "list-price" }, formatMoney(this.chart.prices[first]));
    const button = make("button", { type: "button", "aria-expanded": String(open), id: `list-section-${section}` },
      make("span", { class: "list-name" }, name), price, count);
    button.addEventListener("click", () => {
      this.section = open ? -1 : section;
      this.row = -1;
      this.build();
      byId(`list-section-${section}`).focus();
    });
    const block = make("section", { class: "list-section", "aria-label": name }, make("h3", {}, button));
    for (let row = firstRow; open && row < firstRow + rowCount; row++) block.append(this.buildRow(row));
    return block;
  }

  /** @param {number} row @returns {HTMLElement} */
  buildRow(row) {
    const open = row === this.row;
    const { name } = this.chart.rows[row];
    const count = make("span", { class: "list-count muted" });
    this.rowCounts.set(row, count);
    const button = make("button", { type: "button", class: "list-row", "aria-expanded": String(open), id: `list-row-${row}` },
      make("span", { class: "list-name" }, `Row ${name}`), count);
    button.addEventListener("click", () => {
      this.row = open ? -1 : row;
      this.build();
      byId(`list-row-${row}`).focus();
    });
    const block = make("div", { class: "list-row-block" }, make("h4", {}, button));
    if (open) block.append(this.buildSeats(row));
    return block;
  }

  /** @param {number} row @returns {HTMLElement} */
  buildSeats(row) {
    const { first, count, name } = this.chart.rows[row];
    const group = make("div", { class: "list-seats", role: "group", "aria-label": `Seats of row ${name}` });
    for (let seat = first; seat < first + count; seat++) {
      // Only one seat is a stop for the Tab key; the arrow keys do the rest.
      const button = make("button", { type: "button", tabindex: seat === first ? "0" : "-1", "data-seat": this.chart.labels[seat] },
        this.chart.numbers[seat]);
      button.addEventListener("click", () => this.onToggle(seat));
      this.seatButtons.set(seat, button);
      group.append(button);
    }
    group.addEventListener("keydown", (event) => this.move(event));
    group.addEventListener("focusin", (event) => {
      for (const button of this.seatButtons.values()) button.tabIndex = button === event.target ? 0 : -1;
    });
    return group;
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const buttons = [...this.seatButtons.values()];
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    if (at < 0) return;
    const firstTop = buttons[0].offsetTop;
    const perLine = buttons.findIndex((button) => button.offsetTop !== firstTop);
    const line = perLine < 0 ? buttons.length : perLine;
    /** @type {Record<string, number>} */
    const targets = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - line, ArrowDown: at + line, Home: 0, End: buttons.length - 1 };
    if (!(event.key in targets)) return;
    event.preventDefault();
    buttons[targets[event.key]]?.focus();
  }

  /** Changes texts and states in place: rebuilding would take the focus away from whoever stands there. */
  refresh() {
    if (!this.visible) return;
    const { kinds } = this.show;
    const free = (/** @type {{first: number, count: number}} */ { first, count }) => {
      let sum = 0;
      for (let i = first; i < first + count; i++) if (kinds[i] === AVAILABLE || kinds[i] === CHOSEN) sum++;
      return sum > 0 ? `${formatNumber(sum)} of ${formatNumber(count)} available` : "none available";
    };
    for (const [section, element] of this.sectionCounts) setText(element, free(this.chart.sections[section]));
    for (const [row, element] of this.rowCounts) setText(element, free(this.chart.rows[row]));
    for (const [seat, button] of this.seatButtons) this.refreshSeat(seat, button, kinds[seat]);
  }

  /** @param {number} seat @param {HTMLButtonElement} button @param {number} kind */
  refreshSeat(seat, button, kind) {
    if (button.dataset.kind === String(kind)) return;
    button.dataset.kind = String(kind);
    const row = this.chart.rows[this.chart.rowOf[seat]].name;
    const price = formatMoney(this.chart.prices[seat]);
    button.setAttribute("aria-label", `Row ${row}, seat ${this.chart.numbers[seat]}, ${KIND_WORDS[kind]}, ${price}`);
    button.setAttribute("aria-pressed", String(kind === CHOSEN || kind === HELD || kind === BOUGHT));
    // A disabled button would lose the focus, so it only says that it is.
    button.setAttribute("aria-disabled", String(kind !== AVAILABLE && kind !== CHOSEN));
  }
}
