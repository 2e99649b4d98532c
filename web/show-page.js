// The page of one show: connects its state with the stream, the map, the list and the panel.

import { notify } from "./announce.js";
import { Booking, goneText } from "./booking.js";
import { Cart } from "./cart.js";
import { Chart } from "./chart.js";
import { installConsole } from "./console.js";
import { Countdown } from "./countdown.js";
import { byId, setText } from "./dom.js";
import { formatCount, KIND_WORDS } from "./format.js";
import { showLegend } from "./legend.js";
import { connectMap } from "./map-controls.js";
import { showPrices } from "./prices.js";
import { Queue } from "./queue.js";
import { SeatList } from "./seatlist.js";
import { SeatMap } from "./seatmap.js";
import { AVAILABLE, CHOSEN, Show } from "./show.js";
import { forgetReservation, recallReservations } from "./storage.js";
import { LiveStream } from "./stream.js";
import { announceTurn } from "./turn.js";
import { WaitingPanel } from "./waiting-panel.js";

/** @param {import("./types.js").ShowInfo} info @param {import("./types.js").ChartBody} chartBody */
export function openShow(info, chartBody) {
  const show = new Show(info, new Chart(chartBody));
  const queue = new Queue(info);
  const booking = new Booking(show, queue);
  const cart = new Cart(show, booking);
  new Countdown(show, (id) => booking.look(id));
  showLegend(show.chart);
  showPrices(show);

  const toggle = (/** @type {number} */ seat) => toggleSeat(show, queue, seat);
  new WaitingPanel(show, queue, cart);
  announceTurn(show, queue);
  const map = new SeatMap(/** @type {HTMLCanvasElement} */ (byId("seatmap")), show);
  const list = new SeatList(show, toggle);
  connectMap(map, toggle);
  connectSwitch(list);
  connectStream(show, queue);
  followShow(show, booking);
  bringBack(show, booking);
  queue.open();
  installConsole(show, map, toggle);
}

/** @param {Show} show @param {Queue} queue @param {number} seat */
function toggleSeat(show, queue, seat) {
  const kind = show.kinds[seat];
  const most = show.info.max_seats_per_reservation;
  if (kind === CHOSEN) {
    show.deselect([seat]);
  } else if (kind !== AVAILABLE) {
    notify(`${show.chart.describe(seat)} is ${KIND_WORDS[kind]}.`, "info", { replace: true });
  } else if (show.openHold()) {
    notify("Check out or release the seats held for you before you choose others.", "info", { replace: true });
  } else if (!queue.isOpen) {
    notify("Seats can be chosen when it is your turn.", "info", { replace: true });
  } else if (show.chosen.size >= most) {
    notify(`You can take ${formatCount(most)} at most in one reservation.`, "warning", { replace: true });
  } else {
    show.choose(seat);
  }
}

/** @param {SeatList} list */
function connectSwitch(list) {
  const choose = (/** @type {boolean} */ asList) => {
    byId("show-map").setAttribute("aria-pressed", String(!asList));
    byId("show-list").setAttribute("aria-pressed", String(asList));
    byId("seats").dataset.view = asList ? "list" : "map";
    byId("map-view").hidden = asList;
    list.setVisible(asList);
  };
  byId("show-map").addEventListener("click", () => choose(false));
  byId("show-list").addEventListener("click", () => choose(true));
}

/** @param {Show} show @param {Queue} queue */
function connectStream(show, queue) {
  const page = document.documentElement;
  byId("live").hidden = false;
  const stream = new LiveStream({
    url: () => `/events/${encodeURIComponent(show.info.event_id)}/stream${queue.streamQuery()}`,
    onLive: (live) => {
      page.dataset.live = live ? "on" : "off";
      setText(byId("live-text"), live ? "Live" : "Reconnecting");
    },
    onMessage: ({ event, data }) => {
      const body = JSON.parse(data);
      if (event === "seats") show.applySeats(body);
      else if (event === "change") show.applyChange(body);
      else if (event === "reservation") show.applyReservation(body, performance.now());
      else if (event === "queue") queue.advance(body);
    },
    onRefused: () => queue.resume(),
    mayRest: () => !queue.isPresent,
  });
  queue.onTicket = () => stream.reconnect();
  show.addEventListener("seats", () => {
    if (show.position < 0) return;
    page.dataset.position = String(show.position);
    const { available, pending } = show.counts;
    setText(byId("counts"), available > 0 ? `${formatCount(available)} available` : pending > 0 ? "All held or sold" : "Sold out");
  });
}

/** Says what happened to the person's seats without their doing. @param {Show} show @param {Booking} booking */
function followShow(show, booking) {
  show.addEventListener("lost", (event) => {
    const { detail } = /** @type {CustomEvent<number[]>} */ (event);
    notify(goneText(show.chart, detail.map((seat) => show.chart.labels[seat])), "warning");
  });
  show.addEventListener("reservation", (event) => {
    const { reservation } = /** @type {CustomEvent} */ (event).detail;
    if (reservation.status === "expired") notify(`Your hold has run out. Others can take ${booking.names(reservation)} again.`, "warning", { replace: true });
  });
}

/** After a reload, what this guest holds or has booked must be there again. @param {Show} show @param {Booking} booking */
async function bringBack(show, booking) {
  for (const id of recallReservations(show.info.event_id)) {
    const found = await booking.look(id);
    if (!found) forgetReservation(show.info.event_id, id);
  }
  // A computer that slept has a clock that stood still, so the end of the hold is asked for again.
  document.addEventListener("visibilitychange", () => {
    const hold = show.openHold();
    if (!document.hidden && hold) booking.look(hold.reservation_id);
  });
}
