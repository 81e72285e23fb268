// The connection to the signaling server, for streaming-node.js and gcom.js: reconnects after every
// break, loses nothing, and delivers events in order.

import { io } from "socket.io-client";

const EVENTS = ["welcome", "peer_joined", "peer_left", "signal", "error"];

/** One session with the server, over any number of connections. */
export class Signaling {
  #session = randomId(); // once per run of the program
  #seen = 0;
  #last = Promise.resolve();
  #handle;
  #socket;

  /**
   * @param {string} url
   * @param {(event: string, data: any) => any} handle is called for one event at a time; it may be async
   */
  constructor(url, handle) {
    this.#handle = handle;
    this.#socket = io(url, {
      transports: ["websocket"],
      forceNew: true,
      auth: (tell) => tell({ session: this.#session, seen: this.#seen }), // evaluated at every connect
      timeout: 5000,
      reconnectionDelay: 500,
      reconnectionDelayMax: 1000,
      ackTimeout: 2000, // each signal is sent, one after the other, until it is confirmed
      retries: Infinity,
    });
    for (const event of EVENTS) this.#socket.on(event, (data) => this.#receive(event, data));
    /** Settles when another program has taken over the name: this one then stays away. */
    this.replaced = new Promise((resolve) => {
      this.#socket.on("disconnect", () => this.#socket.active || resolve());
    });
  }

  get connected() {
    return this.#socket.connected;
  }

  /** Send a signal. The server passes additional fields on unchanged. */
  send(signal) {
    this.#socket.emit("signal", signal, () => {});
  }

  /** Tell the server how a call is; a report that cannot be sent is dropped. */
  report(report) {
    this.#socket.volatile.emit("report", report);
  }

  /** Call `handle` after all earlier events. */
  queue(event, data) {
    this.#last = this.#last.then(() => this.#handle(event, data)).catch(console.error);
  }

  #receive(event, data) {
    // After a restart the server knows no earlier session, and counts from 1.
    if (event === "welcome" && !data.resumed) this.#seen = 0;
    if (event === "error") console.error(`signaling: ${data.code}: ${data.message}`);
    this.#seen = data.seq ?? this.#seen;
    this.queue(event, data);
  }
}

/** Random text. (crypto.randomUUID requires https.) */
export function randomId() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
