// The auditor's page of one show: connects its history with the map, the curve, the list and the checkpoint.

import { Problem, request } from "./api.js";
import { say } from "./announce.js";
import { explainRefusal } from "./audit-access.js";
import { followAddress } from "./audit-address.js";
import { Axis } from "./audit-axis.js";
import { Biography } from "./audit-biography.js";
import { followCheckpoint } from "./audit-checkpoint.js";
import { Curve } from "./audit-curve.js";
import { FactList } from "./audit-facts.js";
import { followHistory } from "./audit-loader.js";
import { MomentCard } from "./audit-moment.js";
import { Player } from "./audit-player.js";
import { Recorder } from "./audit-recorder.js";
import { Transport } from "./audit-transport.js";
import { standingOf } from "./audit-words.js";
import { Chart } from "./chart.js";
import { byId, setText } from "./dom.js";
import { formatCount, formatMoney, formatNumber } from "./format.js";
import { showLegend } from "./legend.js";
import { connectMap } from "./map-controls.js";
import { SeatMap } from "./seatmap.js";
import { Show } from "./show.js";

/**
 * @param {import("./types.js").ShowInfo} info @param {import("./types.js").ChartBody} chartBody @param {string} token
 * @param {(trouble: string) => void} onRefused
 */
export function openAudit(info, chartBody, token, onRefused) {
  const show = new Show(info, new Chart(chartBody));
  const recorder = new Recorder(show);
  const axis = new Axis(recorder);
  const server = connectServer(info.event_id, token);
  showLegend(show.chart, false);
  connectSeats(recorder);
  // The list comes first: it asks how far it is scrolled, which is cheap only before others have written into the page.
  const list = new FactList(recorder);
  const transport = new Transport(recorder, axis, new Player(recorder));
  const curve = new Curve(recorder, axis);
  transport.onAxis = () => curve.rebuild();
  new Biography(recorder, server.fetchRefusals);
  const card = new MomentCard(recorder, (fact) => server.fetchFact(recorder.history.position[fact]), (text) => {
    // The list stands where the biography is.
    recorder.lookAt(-1);
    list.filter.ask(text);
  });
  const showSeal = followCheckpoint(() => recorder.history.lastLogPosition, (sealedTo) => card.setSealed(sealedTo));
  recorder.addEventListener("grown", showSeal);
  connectSwitch(recorder);
  load(recorder, server, token, onRefused);
  // For the browser's console and for tests.
  Object.assign(window, { fullhouseAudit: recorder });
}

/** @param {string} eventId @param {string} token */
function connectServer(eventId, token) {
  const path = `/events/${encodeURIComponent(eventId)}`;
  const headers = { authorization: `Bearer ${token}` };
  const ask = async (/** @type {string} */ what) => (await request("GET", `${path}/${what}`, { anonymous: true, headers })).body;
  return {
    path,
    /** @param {string} label @returns {Promise<import("./audit-biography.js").Refusals|null>} */
    fetchRefusals: (label) => ask(`seats/${encodeURIComponent(label)}/biography`),
    /** @param {number} position @returns {Promise<unknown>} */
    fetchFact: async (position) => (await ask(`history?after=${position - 1}&limit=1`)).facts[0],
    /** @returns {Promise<number>} How many facts there will be, for the progress. */
    fetchCount: async () => (await ask("seats?format=compact")).position,
  };
}

/** @param {Recorder} recorder */
function connectSeats(recorder) {
  const { show, history } = recorder;
  const map = new SeatMap(/** @type {HTMLCanvasElement} */ (byId("seatmap")), show);
  const toggle = (/** @type {number} */ seat) => recorder.lookAt(seat === recorder.seat ? -1 : seat);
  connectMap(map, toggle, (seat) => `${formatMoney(show.chart.prices[seat])}, ${standingOf(recorder, seat)}`);
  const mark = () => {
    map.marks = [
      { seats: recorder.fact < 0 ? [] : history.seatsOf(recorder.fact), isStrong: false },
      { seats: recorder.seat < 0 ? [] : [recorder.seat], isStrong: true },
    ];
    map.changed();
  };
  recorder.addEventListener("moved", mark);
  recorder.addEventListener("seat", mark);
}

/** On a narrow screen, map and facts take turns. @param {Recorder} recorder */
function connectSwitch(recorder) {
  const choose = (/** @type {boolean} */ asFacts) => {
    byId("audit").dataset.view = asFacts ? "facts" : "map";
    byId("view-map").setAttribute("aria-pressed", String(!asFacts));
    byId("view-facts").setAttribute("aria-pressed", String(asFacts));
  };
  byId("view-map").addEventListener("click", () => choose(false));
  byId("view-facts").addEventListener("click", () => choose(true));
  recorder.addEventListener("seat", () => { if (recorder.seat >= 0) choose(true); });
}

/** @param {Recorder} recorder @param {ReturnType<typeof connectServer>} server @param {string} token @param {(trouble: string) => void} onRefused */
function load(recorder, server, token, onRefused) {
  const { history, replay } = recorder;
  let expected = 0;
  let isLoaded = false;
  server.fetchCount().then((count) => { expected = count; }, () => {});
  const setLive = (/** @type {boolean} */ isLive, /** @type {string} */ text) => {
    document.documentElement.dataset.live = isLive ? "on" : "off";
    byId("live").hidden = false;
    setText(byId("live-text"), text);
  };
  const showProgress = () => {
    byId("progress").hidden = isLoaded;
    const total = Math.max(expected, history.count);
    setText(byId("progress-text"), expected > 0 ? `${formatNumber(history.count)} of ${formatCount(total, "fact")}` : formatCount(history.count, "fact"));
    byId("progress-bar").style.transform = `scaleX(${total > 0 ? history.count / total : 0})`;
  };
  showProgress();
  followHistory({
    path: `${server.path}/history`, labels: recorder.chart.labels, token,
    onBatch: (batch) => {
      recorder.append(batch);
      showProgress();
    },
    onCaughtUp: () => {
      if (!isLoaded) {
        say(`${formatCount(history.count, "fact")} read.`);
        // Without a single fact no moment was shown yet.
        if (history.count === 0) recorder.showMoment(0);
        followAddress(recorder);
      }
      isLoaded = true;
      showProgress();
      setLive(true, "Following");
      describeHistory(history, replay);
    },
    onLost: () => setLive(false, isLoaded ? "Connection lost, trying again" : "The server can't be reached, trying again"),
    onRefused: (status, detail) => onRefused(explainRefusal(status, detail)),
  });
}

/** @param {import("./audit-history.js").History} history @param {import("./audit-replay.js").Replay} replay */
function describeHistory(history, { breaches }) {
  const hasBegun = history.seatCount > 0;
  byId("verdict").dataset.tone = breaches.length > 0 ? "warning" : hasBegun ? "good" : "none";
  if (history.count === 0) return setText(byId("verdict"), "This show has no history yet.");
  if (!hasBegun) return setText(byId("verdict"), "Nothing has happened to its seats yet.");
  setText(byId("verdict"), breaches.length > 0
    ? `${formatCount(breaches.length, "fact")} contradict${breaches.length === 1 ? "s" : ""} the history before: position ${breaches.slice(0, 5).map((fact) => formatNumber(history.position[fact])).join(", ")}.`
    : "No fact contradicts another: every hold found its seats free.");
}

/** @param {unknown} error @returns {string} */
export function explainFailure(error) {
  if (error instanceof Problem && error.status === 404) return "This show does not exist.";
  return error instanceof Error ? error.message : String(error);
}
