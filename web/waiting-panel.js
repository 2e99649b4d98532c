// The waiting room's panel, which takes the centre of the page while no seats may be chosen. The map stays visible behind it:
// people like to watch.

import { say } from "./announce.js";
import { byId, setText } from "./dom.js";
import { formatCount, formatCountdown, formatNumber } from "./format.js";
import { describeAhead, describeEstimate, describeRoom, describeStandstill } from "./waiting-words.js";

/** @typedef {import("./types.js").QueuePlace} QueuePlace */

// Someone who listens wants to hear that the line moves, but not every second.
const SAY_EVERY_MS = 60_000;

export class WaitingPanel {
  /** @param {import("./show.js").Show} show @param {import("./queue.js").Queue} queue @param {import("./cart.js").Cart} cart */
  constructor(show, queue, cart) {
    this.show = show;
    this.queue = queue;
    this.cart = cart;
    this.isSure = false;
    /** What was shown before: a change of it is spoken at once. */
    this.before = "";
    this.saidAt = -Infinity;
    byId("waiting-draw-link").setAttribute("href", `${queue.showPath}/draw`);
    byId("queue-join").addEventListener("click", () => queue.join());
    byId("queue-leave").addEventListener("click", () => this.askWhetherSure(true));
    byId("queue-stay").addEventListener("click", () => this.askWhetherSure(false));
    byId("queue-leave-surely").addEventListener("click", () => queue.leave());
    queue.addEventListener("change", () => this.render());
    show.addEventListener("seats", () => this.render());
    cart.onMode = () => this.render();
    setInterval(() => this.tick(), 1000);
    this.render();
  }

  /** A misplaced finger must not cost a place in the line. @param {boolean} isSure */
  askWhetherSure(isSure) {
    this.isSure = isSure;
    this.render();
    byId(isSure ? "queue-stay" : "queue-leave").focus();
  }

  render() {
    const { queue, cart } = this;
    // Held seats must be paid for in time and booked ones admired, whatever the room says.
    const isShown = !queue.isOpen && cart.mode !== "held" && cart.mode !== "booked";
    const focused = document.activeElement;
    this.cover(isShown);
    if (isShown) this.renderPlace();
    const { heading, text } = describeRoom(queue);
    const now = isShown ? `${queue.phase} ${heading}` : "";
    if (now === this.before) return this.sayProgress();
    this.before = now;
    this.saidAt = performance.now();
    if (isShown) say(`${heading}. ${text}`);
    keepFocus(focused, isShown ? "waiting-heading" : "panel-heading");
  }

  /** @param {boolean} isShown */
  cover(isShown) {
    if (byId("waiting").hidden === !isShown) return;
    byId("waiting").hidden = !isShown;
    byId("show").dataset.room = isShown ? "closed" : "open";
    byId("seats").inert = isShown;
    byId("skip").setAttribute("href", isShown ? "#waiting" : "#seats");
    setText(byId("skip"), isShown ? "Skip to the waiting room" : "Skip to the seats");
  }

  renderPlace() {
    const { queue } = this;
    const { phase } = queue;
    const place = phase === "waiting" ? queue.kept?.place ?? null : null;
    const { heading, text } = describeRoom(queue);
    byId("waiting").dataset.phase = phase;
    setText(byId("waiting-heading"), heading);
    write("waiting-text", text);
    const booked = this.show.bookedLabels();
    write("waiting-booked", booked.length > 0 ? `You have booked ${this.show.chart.describeAll(booked)}.` : "");
    this.renderLine(place);
    write("waiting-standstill", place ? describeStandstill(place) : "");
    this.renderLeft(phase === "sold_out" ? 0 : place?.seats_left ?? (this.show.position < 0 ? 0 : this.show.counts.available));
    write("waiting-trouble", queue.trouble);
    this.renderActions(place);
    this.renderProof(place);
    this.tick();
  }

  /** @param {QueuePlace|null} place */
  renderLine(place) {
    const ahead = place?.ahead ?? null;
    byId("waiting-line").hidden = ahead === null;
    byId("waiting-serving").hidden = ahead === null;
    if (!place || place.number === null || ahead === null) return;
    setText(byId("waiting-number"), formatNumber(place.number));
    setText(byId("waiting-ahead"), describeAhead(ahead));
    setText(byId("waiting-estimate"), describeEstimate(place));
    setText(byId("waiting-serving-number"), place.serving === 0 ? "nobody yet" : formatNumber(place.serving));
    const first = Math.max(ahead, this.queue.kept?.firstAhead ?? ahead);
    const share = first === 0 ? 1 : 1 - ahead / first;
    byId("waiting-bar").style.transform = `scaleX(${share})`;
    byId("waiting-progress").setAttribute("aria-valuenow", String(Math.round(share * 100)));
    byId("waiting-progress").setAttribute("aria-valuetext", `${describeAhead(ahead)}, ${describeEstimate(place)}`);
  }

  /** @param {number} count */
  renderLeft(count) {
    byId("waiting-left").hidden = count === 0;
    setText(byId("waiting-left-count"), formatCount(count));
  }

  /** @param {QueuePlace|null} place */
  renderActions(place) {
    const { phase, busy } = this.queue;
    if (!place) this.isSure = false;
    byId("queue-join").hidden = phase !== "door" && phase !== "over";
    setText(byId("queue-join"), busy ? "Joining" : phase === "over" ? "Join again" : "Join the waiting room");
    byId("waiting-keep").hidden = !place || this.isSure;
    byId("queue-leave").hidden = !place || this.isSure;
    byId("waiting-sure").hidden = !this.isSure;
    for (const id of ["queue-join", "queue-leave-surely"]) byId(id).setAttribute("aria-disabled", String(busy));
  }

  /** The hash of the seed, and once the order is drawn a way to check it. @param {QueuePlace|null} place */
  renderProof(place) {
    const { queue } = this;
    const isDrawn = place !== null && place.number !== null;
    const isAwaited = place !== null ? !isDrawn : queue.phase === "door" && queue.room?.state === "before_sale";
    byId("waiting-proof").hidden = queue.seedHash === "" || this.isSure || !(isDrawn || isAwaited);
    byId("waiting-draw-link").hidden = !isDrawn;
    setText(byId("waiting-proof-text"), isDrawn
      ? "The order was drawn with a secret whose SHA-256 had been published before:"
      : "So that nobody can bend the draw, the SHA-256 of its secret is public beforehand:");
    setText(byId("waiting-seed"), queue.seedHash);
  }

  /** The clock before the draw. */
  tick() {
    const { queue } = this;
    const time = queue.phase === "waiting" ? queue.kept?.place.draws_at : queue.room?.state === "before_sale" && queue.phase === "door" ? queue.info.on_sale_at : null;
    const isDue = Boolean(time) && (queue.phase === "door" || queue.kept?.place.number === null);
    byId("waiting-draw").hidden = !isDue;
    if (!isDue || !time) return;
    const seconds = (Date.parse(time) - Date.now()) / 1000;
    setText(byId("waiting-countdown"), seconds > 0 ? formatCountdown(seconds) : "any moment now");
  }

  sayProgress() {
    const place = this.queue.kept?.place;
    if (byId("waiting").hidden || place?.state !== "waiting" || place.ahead === null) return;
    const text = describeStandstill(place) || `${describeAhead(place.ahead)}, ${describeEstimate(place)}.`;
    if (performance.now() - this.saidAt < SAY_EVERY_MS) return;
    this.saidAt = performance.now();
    say(text);
  }
}

/** @param {string} id @param {string} text Nothing to say leaves no gap. */
function write(id, text) {
  byId(id).hidden = text === "";
  setText(byId(id), text);
}

/** When what had the focus is gone or out of reach, reading goes on at the heading. @param {Element|null} focused @param {string} heading */
function keepFocus(focused, heading) {
  if (!(focused instanceof HTMLElement) || focused === document.body) return;
  if (focused.offsetParent === null || focused.closest("[inert]")) byId(heading).focus({ preventScroll: true });
}
