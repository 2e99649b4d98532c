// Mouse, touch and pen on the map: drag to pan, wheel or two fingers to zoom, a click or tap on a seat.

const SLACK_MOUSE_PX = 4;
const SLACK_TOUCH_PX = 10;
const REACH_MOUSE_PX = 8;
const REACH_TOUCH_PX = 22;
// Below this distance between two seats a finger can't aim, so a tap comes closer first.
const AIM_TOUCH_PX = 20;
const CLOSE_TOUCH_PX = 36;

/**
 * @param {import("./seatmap.js").SeatMap} map
 * @param {(seat: number) => void} onSeat
 * @param {(seat: number) => void} onHover Gets -1 when there is no seat below.
 */
export function attachGestures(map, onSeat, onHover) {
  const { canvas, view } = map;
  /** @type {Map<number, {x: number, y: number}>} */
  const fingers = new Map();
  let moved = 0;
  let start = { x: 0, y: 0 };

  /** @param {MouseEvent} event @returns {{x: number, y: number}} */
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    const at = place(event);
    fingers.set(event.pointerId, at);
    if (fingers.size === 1) {
      moved = 0;
      start = at;
    } else {
      moved = Infinity; // Two fingers are never a tap.
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") onHover(map.seatAt(at.x, at.y, REACH_MOUSE_PX));
      return;
    }
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1] ?? before;
      pinch(before, at, other);
    } else {
      const slack = event.pointerType === "mouse" ? SLACK_MOUSE_PX : SLACK_TOUCH_PX;
      moved = Math.max(moved, Math.hypot(at.x - start.x, at.y - start.y));
      if (moved > slack) {
        view.panBy(at.x - before.x, at.y - before.y);
        canvas.dataset.dragging = "";
        onHover(-1);
      }
    }
    fingers.set(event.pointerId, at);
  });

  /** @param {{x: number, y: number}} before @param {{x: number, y: number}} now @param {{x: number, y: number}} other */
  function pinch(before, now, other) {
    const spreadBefore = Math.hypot(before.x - other.x, before.y - other.y);
    const spreadNow = Math.hypot(now.x - other.x, now.y - other.y);
    view.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (spreadBefore > 1) view.zoomAt(spreadNow / spreadBefore, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  canvas.addEventListener("pointerup", (event) => {
    const at = fingers.get(event.pointerId);
    end(event);
    const touch = event.pointerType !== "mouse";
    if (!at || moved > (touch ? SLACK_TOUCH_PX : SLACK_MOUSE_PX)) return;
    const pitch = map.chart.pitch * view.scale;
    if (touch && pitch < AIM_TOUCH_PX) {
      const [x, y] = view.toHall(at.x, at.y);
      view.glideTo(x, y, CLOSE_TOUCH_PX / map.chart.pitch);
      return;
    }
    const seat = map.seatAt(at.x, at.y, touch ? REACH_TOUCH_PX : REACH_MOUSE_PX);
    if (seat >= 0) onSeat(seat);
  });

  /** @param {PointerEvent} event */
  function end(event) {
    fingers.delete(event.pointerId);
    if (fingers.size === 0) delete canvas.dataset.dragging;
  }
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => onHover(-1));

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = place(event);
    const pixels = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
    // A pinch on a trackpad arrives as small steps with the Control key set.
    const step = Math.max(-120, Math.min(120, pixels)) * (event.ctrlKey ? 0.01 : 0.0022);
    view.zoomAt(Math.exp(-step), at.x, at.y);
  }, { passive: false });
}
