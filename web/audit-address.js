// The address names the moment and the seat that are shown, so that an auditor can cite them.

const SETTLE_MS = 400; // Browsers allow only so many changes of the address.

/** Goes where the address points, and keeps it up to date from then on. @param {import("./audit-recorder.js").Recorder} recorder */
export function followAddress(recorder) {
  const { chart, history: facts } = recorder;
  const query = new URLSearchParams(location.search);
  const position = Number(query.get("position"));
  if (position > 0) recorder.moveTo(facts.countAtPosition(position));
  const seat = chart.indexOf.get(query.get("seat") ?? "");
  if (seat !== undefined) recorder.lookAt(seat);

  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      set(query, "event", recorder.show.info.event_id);
      // At the end the page follows the sale, and so does its address.
      set(query, "position", recorder.at === facts.count ? "" : String(facts.position[recorder.fact]));
      set(query, "seat", chart.labels[recorder.seat] ?? "");
      history.replaceState(null, "", `${location.pathname}?${query}`);
    }, SETTLE_MS);
  };
  recorder.addEventListener("moved", changed);
  recorder.addEventListener("seat", changed);
}

/** @param {URLSearchParams} query @param {string} name @param {string} value Nothing removes it. */
function set(query, name, value) {
  if (value === "") query.delete(name);
  else query.set(name, value);
}
