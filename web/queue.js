// The waiting room of a hot show: join, wait for the number, then buy with the pass.

import { request } from "./api.js";
import { notify } from "./announce.js";
import { byId, setText } from "./dom.js";
import { recall, remember } from "./storage.js";

/** @typedef {import("./types.js").QueuePlace} QueuePlace */

export class Queue {
  /** @param {string} eventId */
  constructor(eventId) {
    this.eventId = eventId;
    this.path = `/events/${encodeURIComponent(eventId)}/queue`;
    this.storeName = `queue:${eventId}`;
    /** @type {{ticket?: string, pass?: string}} */
    this.kept = recall(this.storeName, {});
    /** @type {() => void} Called when the ticket has changed, since the stream carries it. */
    this.onTicket = () => {};
    byId("queue-join").addEventListener("click", () => this.join());
  }

  /** @returns {Record<string, string>} */
  headers() {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.kept.pass) headers["queue-pass"] = this.kept.pass;
    return headers;
  }

  /** @returns {string} */
  streamQuery() {
    return this.kept.ticket && !this.kept.pass ? `?ticket=${encodeURIComponent(this.kept.ticket)}` : "";
  }

  /** @param {string} why */
  show(why) {
    // A refused pass is spent; the person takes a new place.
    this.keep({});
    byId("queue").hidden = false;
    byId("queue-join").hidden = false;
    setText(byId("queue-text"), why);
  }

  async join() {
    try {
      const { body } = await request("POST", this.path, { keyed: true });
      this.apply(body);
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), "warning", { replace: true });
    }
  }

  /** @param {QueuePlace} place From the answer or from the stream. */
  apply(place) {
    const box = byId("queue");
    byId("queue-join").hidden = true;
    box.hidden = false;
    if (place.state === "sold_out") {
      this.keep({});
      setText(byId("queue-text"), "Nothing is left. The waiting room is closed.");
    } else if (place.state === "admitted" && place.pass) {
      this.keep({ ticket: place.ticket ?? this.kept.ticket, pass: place.pass });
      box.hidden = true;
      notify("It is your turn. You can hold seats now.", "good", { replace: true });
    } else {
      this.keep({ ticket: place.ticket ?? this.kept.ticket });
      const minutes = Math.max(1, Math.round(place.estimated_wait_seconds / 60));
      const wait = minutes === 1 ? "about a minute" : `about ${minutes} minutes`;
      setText(byId("queue-text"), `You are number ${place.number} in the waiting room, ${place.ahead} ahead of you, ${wait} to go. This page keeps your place.`);
    }
  }

  /** @param {{ticket?: string, pass?: string}} kept */
  keep(kept) {
    const before = this.streamQuery();
    this.kept = kept;
    remember(this.storeName, kept);
    if (this.streamQuery() !== before) this.onTicket();
  }
}
