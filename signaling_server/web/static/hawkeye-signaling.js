// The client of hawkeye-signaling for browsers: one ES module, readable as it is served.
// SPDX-License-Identifier: MIT
//
//   import { GCOM } from "http://SERVER:8080/static/hawkeye-signaling.js";
//
//   const gcom = new GCOM("http://SERVER:8080", { name: "gcom", room: "drone-1" });
//   gcom.addEventListener("stream", ({ detail }) => {
//     document.querySelector("video").srcObject = detail.stream;
//   });
//
// `Signaling` is the connection to the server: it reconnects after every break, loses no signal and
// delivers events in order. `GCOM` answers calls and `StreamingNode` makes them, to every peer in the
// room. Every option, event and error: docs/client-javascript.md. The protocol: docs/protocol.md.

import { io } from "./vendor/socket.io.esm.js";

const EVENTS = ["welcome", "peer_joined", "peer_left", "signal", "error"];
const CALL_MILLISECONDS = 10_000; // a call not established by then is started again
const MEASURE_MILLISECONDS = 1000;
const REPORT_EVERY = 2; // measurements
const STALE_SECONDS = 3; // without a new frame: the picture is no longer live
// Without a new frame, on a connection that is not established: GCOM hangs up, and joins anew, so that
// the other side calls again. ICE recovers by itself until consent expires (30 s, RFC 7675), so give it
// time; a connection that the browser has closed, as after a sleep, does not come back.
const HANG_UP_SECONDS = { broken: 20, closed: 5 };

/**
 * @typedef {object} Options
 * @property {string} [name]  the peer_id, kept across reconnects; A-Z a-z 0-9 . _ -, at most 64
 * @property {string} [role]  a label, such as "gcom"
 * @property {string} [room]  default: the server's default room
 * @property {string} [token]  never put it into the URL: URLs end up in logs
 * @property {string[]} [transports]  default: websocket, then polling
 * @property {string} [path]  where the server's Socket.IO is; default: /socket.io below the URL
 *
 * @typedef {{type: "offer" | "answer" | "ice-candidate", data: object | null, to?: string}} Signal
 * @typedef {{code: string, message: string}} Refusal  codes: docs/protocol.md
 */

/** One session with the server, over any number of connections. */
export class Signaling {
  #session = randomId(); // others see a hash of it: the same session means that calls stand
  #seen = 0;
  #last = Promise.resolve();
  #handle;
  #socket;
  #places;

  /**
   * `handle(event, data)` is called for one event at a time, and may be async. Events are those of
   * docs/protocol.md (welcome, peer_joined, peer_left, signal, error) and:
   * - "disconnect": the connection is lost; the next one is being tried;
   * - "retry", {code, message}: a try to connect has failed; the next one follows;
   * - "refused", {code, message}: the server wants no further try. It is the last event.
   *
   * @param {string | string[]} url  of the server, with its path if it is below one:
   *   https://HOST/drone; of several, after each failed try, the next one is tried
   * @param {(event: string, data: any) => any} handle
   * @param {Options} options
   */
  constructor(url, handle, options = {}) {
    const { name, role, room, token, path, transports = ["websocket", "polling"] } = options;
    this.#handle = handle;
    this.#places = [url].flat().map((each) => placeOf(each, path));
    this.#socket = io(this.#places[0].uri, {
      path: this.#places[0].path,
      transports,
      tryAllTransports: true,
      forceNew: true,
      // Evaluated at every connect.
      auth: (tell) => tell({ name, role, room, token, session: this.#session, seen: this.#seen }),
      timeout: 5000,
      reconnectionDelay: 500,
      reconnectionDelayMax: 1000,
      ackTimeout: 2000, // each signal is sent, one after the other, until it is confirmed
      retries: Infinity,
    });
    for (const event of EVENTS) this.#socket.on(event, (data) => this.#receive(event, data));
    this.#socket.on("disconnect", (reason) => {
      // This client ends its connection itself only to join again at once: `rejoin`.
      const returns = this.#socket.active || reason === "io client disconnect";
      const message = "a newer connection uses this name, or the server has put this client out";
      this.queue(...(returns ? ["disconnect", null] : ["refused", { code: "replaced", message }]));
    });
    this.#socket.on("connect_error", (error) => {
      const refusal = { code: "", message: error.message, ...error.data };
      if (this.#socket.active) this.#turnToNext();
      this.queue(this.#socket.active ? "retry" : "refused", refusal);
    });
  }

  get connected() {
    return this.#socket.connected;
  }

  /** Of the server that it is connected to, or tries next. */
  get url() {
    return this.#places[0].url;
  }

  /** "websocket" or "polling"; undefined while there is no connection. */
  get transport() {
    return this.connected ? this.#socket.io.engine.transport.name : undefined;
  }

  /**
   * Send a signal; the server passes additional fields on unchanged. It is sent until it is confirmed.
   * @param {Signal} signal
   */
  send(signal) {
    this.#socket.emit("signal", signal, (_failure, answer) => {
      if (answer && !answer.ok) this.queue("error", answer.error);
    });
  }

  /** Report a call's state, so that the server need not guess; dropped while it is not connected. */
  report(report) {
    this.#socket.volatile.emit("report", report);
  }

  /** Call `handle` after all earlier events. */
  queue(event, data) {
    this.#last = this.#last.then(() => this.#handle(event, data)).catch(console.error);
  }

  /** Join as another session: every peer that calls then calls anew. */
  rejoin() {
    this.#session = randomId();
    this.#seen = 0;
    this.#socket.disconnect().connect();
  }

  close() {
    this.#socket.removeAllListeners();
    this.#socket.disconnect();
  }

  /** The next try goes to the next server: socket.io-client reads all of this at every try. */
  #turnToNext() {
    if (this.#places.length === 1) return;
    this.#places.push(this.#places.shift());
    const [{ uri, path }] = this.#places;
    this.#socket.io.uri = uri;
    Object.assign(this.#socket.io.opts, { path, query: undefined });
  }

  #receive(event, data) {
    // After a restart the server knows no earlier session, and counts from 1.
    if (event === "welcome" && !data.resumed) this.#seen = 0;
    this.#seen = data.seq ?? this.#seen;
    this.queue(event, data);
  }
}

/**
 * What GCOM and StreamingNode share: the peers in the room, and a call to each.
 *
 * Events (CustomEvent; `detail` in braces):
 * - "server" {transport}: connected, or null: not connected, it retries by itself
 * - "refused" {code, message}: final; "trouble" {code, message}: an error that is not final
 * - "peer_joined" {peer_id, role?, ...}, "peer_left" {peer_id, reason}
 * - "call" {peerId, pc}: a new call; the peer's older one is closed
 * - "step" {peerId, step, detail}: offer, answer, candidates, connected
 * - "state" {peerId, state}: of the RTCPeerConnection
 * - "figures" {peerId, ...}: once a second while there is a call; see `measure`
 */
class Peer extends EventTarget {
  iceServers = [];
  peers = new Map(); // peer_id -> the last peer_joined, while it is there
  calls = new Map(); // peer_id -> Call
  #timer;

  /** @param {string | string[]} url @param {Options} options */
  constructor(url, options) {
    super();
    this.signaling = new Signaling(url, (event, data) => this.#handle(event, data), options);
    this.#timer = setInterval(() => this.signaling.queue("measure"), MEASURE_MILLISECONDS);
  }

  /** Leave the room and end all calls. */
  close() {
    clearInterval(this.#timer);
    this.signaling.close();
    for (const peerId of [...this.calls.keys()]) this.hangUp(peerId);
  }

  async #handle(event, data) {
    if (event === "welcome") {
      this.iceServers = data.ice_servers;
      this.tell("server", { transport: this.signaling.transport ?? null });
      if (!this.calls.size) this.signaling.report({ state: "new" }); // there is no call
      for (const call of this.calls.values()) call.report(this.signaling);
      this.peers.clear(); // a newcomer receives a peer_joined for everyone here next
      if (data.resumed) for (const peer of data.peers) await this.#join(peer);
    } else if (event === "peer_joined") {
      await this.#join(data);
    } else if (event === "peer_left") {
      this.peers.delete(data.peer_id); // its video may well continue
      this.tell("peer_left", data);
    } else if (event === "signal") {
      await this.#take(data);
    } else if (event === "check") {
      await this.check(data);
    } else if (event === "measure") {
      for (const call of [...this.calls.values()]) await this.#measure(call);
    } else if (event === "disconnect") {
      this.tell("server", { transport: null });
    } else {
      this.tell(event === "refused" ? "refused" : "trouble", data);
    }
  }

  async #join(peer) {
    this.peers.set(peer.peer_id, peer);
    this.tell("peer_joined", peer);
    await this.meet(peer);
  }

  async #take(signal) {
    if (signal.type === "offer") return this.answer(signal);
    const call = this.calls.get(signal.from);
    if (!call || (signal.call ?? call.id) !== call.id) return; // null: it does not use `call`
    if (signal.type === "answer" && call.pc.signalingState === "have-local-offer") {
      this.step(call, "answer", "received");
      await call.pc.setRemoteDescription(signal.data);
    } else if (signal.type === "ice-candidate" && signal.data) {
      this.#countCandidate(call, "received");
      await call.pc.addIceCandidate(signal.data);
    }
  }

  /** Begin a call, which replaces the peer's older one. `id` marks its signals. */
  begin(peerId, id) {
    this.hangUp(peerId);
    const pc = new RTCPeerConnection({ iceServers: this.iceServers });
    const call = new Call(peerId, id, this.peers.get(peerId)?.session, pc);
    this.calls.set(peerId, call);
    pc.onicecandidate = ({ candidate }) => {
      this.send(call, "ice-candidate", candidate);
      if (candidate) this.#countCandidate(call, "sent");
    };
    pc.onconnectionstatechange = () => {
      const state = pc.connectionState;
      this.tell("state", { peerId, state });
      if (state === "connected") this.step(call, "connected", "");
      if (state === "failed") this.signaling.queue("check", call);
      call.report(this.signaling);
    };
    this.tell("call", { peerId, pc });
    return call;
  }

  hangUp(peerId) {
    this.calls.get(peerId)?.close();
    this.calls.delete(peerId);
  }

  send(call, type, data) {
    this.signaling.send({ type, to: call.peerId, data, ...(call.id && { call: call.id }) });
  }

  step(call, step, detail) {
    this.tell("step", { peerId: call.peerId, step, detail });
  }

  tell(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }

  #countCandidate(call, direction) {
    call.candidates[direction] += 1;
    const { sent, received } = call.candidates;
    this.step(call, "candidates", `${sent} sent, ${received} received`);
  }

  async #measure(call) {
    await call.measure();
    this.tell("figures", { peerId: call.peerId, ...call.figures });
    if (call.measurements % REPORT_EVERY === 0) call.report(this.signaling);
    await this.watch(call);
  }

  async meet() {}
  async answer() {}
  async check() {}
  async watch() {}
}

/**
 * Answers every offer, and never offers itself, so there is no glare.
 *
 * Further events: "stream" {peerId, stream}: there is video, again for each new call; "stale"
 * {peerId, seconds}: no frame has come for so long; "live" {peerId}: frames come again.
 */
export class GCOM extends Peer {
  /** An offer is a new call, which replaces the peer's older one. */
  async answer({ from: peerId, data: offer, call: id }) {
    if (id && this.calls.get(peerId)?.id === id) return; // a duplicate: its sender saw no confirmation
    const call = this.begin(peerId, id);
    call.pc.ontrack = ({ track, streams }) => {
      this.tell("stream", { peerId, stream: streams[0] ?? new MediaStream([track]) });
    };
    this.step(call, "offer", "received");
    await call.pc.setRemoteDescription(offer);
    const answer = await call.pc.createAnswer();
    this.send(call, "answer", answer); // before its candidates
    this.step(call, "answer", "sent");
    await call.pc.setLocalDescription(answer);
  }

  /** A browser that was suspended may fire no event at all: only frames tell whether there is video. */
  async watch(call) {
    const { seconds } = call.figures;
    if (!call.pc.remoteDescription || seconds === undefined) return;
    if (seconds >= STALE_SECONDS) this.tell("stale", { peerId: call.peerId, seconds });
    else if (call.stale) this.tell("live", { peerId: call.peerId });
    call.stale = seconds >= STALE_SECONDS;
    if (!this.signaling.connected || !this.peers.has(call.peerId)) return;
    const { connectionState: state } = call.pc;
    if (state === "connected") return; // the camera's matter, not the connection's
    if (seconds < HANG_UP_SECONDS[state === "closed" ? "closed" : "broken"]) return;
    this.hangUp(call.peerId);
    // A new session makes every node call again, which would interrupt calls that are established:
    // while there is one, the node of this call has to notice by itself.
    const established = ({ pc }) => pc.connectionState === "connected";
    if (![...this.calls.values()].some(established)) this.signaling.rejoin();
  }
}

/** Offers `stream` to every peer in the room. Only the node offers: GCOM answers. */
export class StreamingNode extends Peer {
  /** @param {string | string[]} url @param {MediaStream} stream @param {Options} options */
  constructor(url, stream, options) {
    super(url, options);
    this.stream = stream;
  }

  /** Call a peer that is here, unless its session is unchanged and it is connected. */
  async meet({ peer_id: peerId, session }) {
    const call = this.calls.get(peerId);
    const established = call?.pc.connectionState === "connected";
    if (!established || !session || call.session !== session) await this.#offer(peerId);
  }

  async #offer(peerId) {
    const call = this.begin(peerId, randomId());
    for (const track of this.stream.getTracks()) call.pc.addTrack(track, this.stream);
    const offer = await call.pc.createOffer();
    this.send(call, "offer", offer); // before its candidates; the answer returns `call`
    this.step(call, "offer", "sent");
    await call.pc.setLocalDescription(offer);
    call.timer = setTimeout(() => this.signaling.queue("check", call), CALL_MILLISECONDS);
  }

  /** Call again if this call is the peer's newest and is not established. */
  async check(call) {
    const waits = ["connected", "disconnected"].includes(call.pc.connectionState);
    if (this.calls.get(call.peerId) !== call || waits) return; // ICE decides
    if (this.peers.has(call.peerId) && this.signaling.connected) await this.#offer(call.peerId);
    else this.hangUp(call.peerId); // `meet` calls again when both sides are back
  }
}

/** One RTCPeerConnection to one peer, and what is known of it. */
class Call {
  candidates = { sent: 0, received: 0 };
  figures = {};
  measurements = 0;
  stale = false;
  timer;

  constructor(peerId, id, session, pc) {
    Object.assign(this, { peerId, id, session, pc, since: performance.now() });
  }

  close() {
    clearTimeout(this.timer);
    this.pc.onconnectionstatechange = null;
    this.pc.close();
  }

  /** Updates `figures`: those of `measure`, bitrate and frames a second, seconds since a frame. */
  async measure() {
    const before = this.figures;
    const closed = this.pc.connectionState === "closed"; // then getStats may fail
    const now = { ...(closed ? { frames: before.frames } : await measure(this.pc)), at: performance.now() };
    const seconds = (now.at - before.at) / 1000;
    const frozen = (now.frames ?? 0) === (before.frames ?? 0);
    const frameAt = frozen ? (before.frameAt ?? this.since) : now.at;
    const passed = (key) => Math.max(0, (now[key] ?? 0) - (before[key] ?? 0)) / seconds;
    const rates =
      before.at === undefined
        ? {}
        : {
            bitrate: 8 * passed("bytes"),
            // Some stacks count bytes and no frames: then nothing is known of frames.
            ...((now.frames !== undefined || !now.bytes) && { frameRate: passed("frames") }),
          };
    this.figures = { ...now, ...rates, frameAt, seconds: (now.at - frameAt) / 1000 };
    this.measurements += 1;
  }

  /** Tell the server what the connection's state is, so that its status page need not guess. */
  async report(signaling) {
    const { connectionState: state } = this.pc;
    if (state === "connected" && !this.figures.pair) await this.measure();
    const { pair, roundTrip, bitrate, frameRate, lost } = this.figures;
    const stats = {
      ...(roundTrip !== undefined && { round_trip_ms: 1000 * roundTrip }),
      ...(bitrate !== undefined && { bitrate_kbps: bitrate / 1000 }),
      ...(frameRate !== undefined && { frames_per_second: frameRate }),
      ...(lost !== undefined && { packets_lost: lost }),
    };
    const details = state === "connected" ? { ...(pair && { candidate_pair: pair }), stats } : {};
    signaling.report({ state, to: this.peerId, ...details });
  }
}

/**
 * What getStats says about the video: `{pair: {local, remote} or null, roundTrip in seconds, bytes,
 * frames, lost, width, height}`; undefined while unknown. W3C webrtc-stats.
 * @param {RTCPeerConnection} pc
 */
export async function measure(pc) {
  const stats = await pc.getStats();
  const all = [...stats.values()];
  const transport = all.find((stat) => stat.type === "transport");
  const pair =
    stats.get(transport?.selectedCandidatePairId) ??
    all.find((stat) => stat.type === "candidate-pair" && stat.nominated && stat.state === "succeeded");
  const rtp = all.find(
    ({ type, kind }) => ["inbound-rtp", "outbound-rtp"].includes(type) && kind === "video",
  );
  return {
    pair: pair
      ? { local: end(stats.get(pair.localCandidateId)), remote: end(stats.get(pair.remoteCandidateId)) }
      : null,
    roundTrip: pair?.currentRoundTripTime,
    bytes: rtp?.bytesReceived ?? rtp?.bytesSent,
    frames: rtp?.framesDecoded ?? rtp?.framesSent,
    lost: rtp?.packetsLost,
    width: rtp?.frameWidth,
    height: rtp?.frameHeight,
  };
}

/** Where Socket.IO is on the server of this URL. */
function placeOf(url, path) {
  const { origin, search, pathname } = new URL(url, globalThis.location?.href);
  const prefix = pathname.replace(/(\/socket\.io)?\/*$/, "");
  return { url, uri: `${origin}/${search}`, path: path ?? `${prefix}/socket.io` };
}

function end(candidate) {
  const { candidateType: type, protocol, address, port } = candidate ?? {};
  return { type, protocol, ...(address && { address }), ...(port && { port }) };
}

/** Random text. (crypto.randomUUID requires https.) */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
