// Parses `text/event-stream`. EventSource can't send an Authorization header, so the page reads the bytes itself.

/** @typedef {{event: string, data: string, id: string}} SseMessage */

export class SseParser {
  /**
   * @param {(message: SseMessage) => void} onMessage
   * @param {(ms: number) => void} onRetry
   */
  constructor(onMessage, onRetry) {
    this.onMessage = onMessage;
    this.onRetry = onRetry;
    // The decoder keeps a character that was cut in two by a chunk's end, and drops a byte order mark.
    this.decoder = new TextDecoder();
    this.rest = "";
    this.afterReturn = false;
    this.lastId = "";
    this.event = "";
    /** @type {string[]} */
    this.data = [];
    /** @type {string|null} */
    this.id = null;
  }

  /** @param {Uint8Array} bytes */
  push(bytes) {
    let text = this.decoder.decode(bytes, { stream: true });
    if (text === "") return;
    // A carriage return ended a line at once; the line feed that may follow in the next chunk belongs to it.
    if (this.afterReturn && text[0] === "\n") text = text.slice(1);
    this.afterReturn = text === "" ? false : text.endsWith("\r");
    const lines = (this.rest + text).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  /** @param {string} line */
  line(line) {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.onRetry(Number(value));
  }

  /** An id counts only once its message is complete: otherwise a cut would skip that message. */
  dispatch() {
    const { event, data, id } = this;
    this.event = "";
    this.data = [];
    this.id = null;
    if (id !== null) this.lastId = id;
    if (data.length > 0) this.onMessage({ event: event || "message", data: data.join("\n"), id: this.lastId });
  }
}
