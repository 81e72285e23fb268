// One side of the call test: its connection to the server, and its RTCPeerConnection to the other
// side. Written like docs/examples, which explain the reasons.

const EVENTS = ["welcome", "peer_joined", "peer_left", "signal", "error"];
const CALL_MILLISECONDS = 10_000; // a call not established by then is started again
const REPORT_MILLISECONDS = 2000;

/** Random text. (crypto.randomUUID requires https.) */
export function randomHex(digits) {
  const bytes = crypto.getRandomValues(new Uint8Array(digits / 2));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One session with the server, over any number of connections; events are handled one at a time. */
class Signaling {
  #session = randomHex(32);
  #seen = 0;
  #last = Promise.resolve();
  #handle;

  constructor(path, hello, handle) {
    this.#handle = handle;
    this.socket = globalThis.io({
      path,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      forceNew: true,
      auth: (tell) => tell({ ...hello, session: this.#session, seen: this.#seen }),
      timeout: 5000,
      reconnectionDelay: 500,
      reconnectionDelayMax: 1000,
      ackTimeout: 2000, // each signal is sent, one after the other, until it is confirmed
      retries: Infinity,
    });
    for (const event of EVENTS) this.socket.on(event, (data) => this.#receive(event, data));
    this.socket.on("disconnect", (reason) => this.queue("disconnect", reason));
    this.socket.on("connect_error", (error) => this.queue("connect_error", error));
  }

  send(signal) {
    this.socket.emit("signal", signal, () => {});
  }

  /** Handle an event after all earlier ones. */
  queue(event, data) {
    this.#last = this.#last.then(() => this.#handle(event, data)).catch(console.error);
  }

  #receive(event, data) {
    if (event === "welcome" && !data.resumed) this.#seen = 0;
    this.#seen = data.seq ?? this.#seen;
    this.queue(event, data);
  }
}

/**
 * A Streaming Node, which offers `stream` to every peer in the room; without a stream a GCOM, which
 * answers.
 *
 * It calls `tell(what, detail)` with: "server" (the transport's name, or null when it is lost),
 * "refused" (an error; final), "call" (an RTCPeerConnection: a call begins), "stage"
 * ({name, detail}), "stream" (the other side's MediaStream), "left" (the other side's peer_id).
 */
export class Peer {
  #peers = new Map(); // peer_id -> session
  #iceServers = [];
  #call = null; // {id, peerId, session, pc}: the newest
  #counts;

  constructor({ path, hello, stream, tell }) {
    this.stream = stream;
    this.tell = tell;
    this.signaling = new Signaling(path, hello, (event, data) => this.#handle(event, data));
    this.reporting = setInterval(() => this.#report(), REPORT_MILLISECONDS);
  }

  close() {
    clearInterval(this.reporting);
    this.signaling.socket.disconnect();
    this.#hangUp();
  }

  async #handle(event, data) {
    const { socket } = this.signaling;
    if (event === "welcome") {
      this.#iceServers = data.ice_servers;
      this.tell("server", socket.io.engine.transport.name);
      if (!this.#call) this.signaling.socket.volatile.emit("report", { state: "new" }); // has no call
      this.#report();
      this.#peers.clear(); // a newcomer receives a peer_joined for everyone here next
      if (data.resumed) for (const peer of data.peers) await this.#meet(peer);
    } else if (event === "peer_joined") {
      await this.#meet(data);
    } else if (event === "peer_left") {
      this.#peers.delete(data.peer_id); // its video may well continue
      this.tell("left", data.peer_id);
    } else if (event === "signal") {
      await this.#take(data);
    } else if (event === "check") {
      await this.#check(data);
    } else if (socket.active) {
      if (!socket.connected) this.tell("server", null); // it retries by itself
    } else if (event === "connect_error") {
      this.tell("refused", data.data ?? { code: "refused", message: data.message });
    } else if (event === "disconnect" && data === "io server disconnect") {
      this.tell("refused", { code: "replaced", message: "a newer connection uses this name" });
    }
  }

  /** A peer is here. If its session is the same as before and it is connected, there is nothing to do. */
  async #meet({ peer_id: peerId, session }) {
    this.#peers.set(peerId, session);
    const established = this.#call?.peerId === peerId && this.#call.pc.connectionState === "connected";
    if (established && session && this.#call.session === session) return;
    this.tell("stage", { name: "both-here", detail: peerId });
    if (this.stream) await this.#offer(peerId);
  }

  async #offer(peerId) {
    const call = this.#begin(peerId, randomHex(16));
    for (const track of this.stream.getTracks()) call.pc.addTrack(track, this.stream);
    const offer = await call.pc.createOffer();
    this.#send(call, "offer", offer); // before its candidates
    this.tell("stage", { name: "offer", detail: "sent" });
    await call.pc.setLocalDescription(offer);
    setTimeout(() => this.signaling.queue("check", call), CALL_MILLISECONDS);
  }

  async #answer({ from: peerId, data: offer, call: id }) {
    if (id && this.#call?.id === id) return; // a duplicate: its sender saw no confirmation
    const call = this.#begin(peerId, id);
    call.pc.ontrack = ({ track, streams }) => {
      this.tell("stream", streams[0] ?? new MediaStream([track]));
    };
    this.tell("stage", { name: "offer", detail: "received" });
    await call.pc.setRemoteDescription(offer);
    const answer = await call.pc.createAnswer();
    this.#send(call, "answer", answer);
    this.tell("stage", { name: "answer", detail: "sent" });
    await call.pc.setLocalDescription(answer);
  }

  /** Replace the current RTCPeerConnection with a new one. */
  #begin(peerId, id) {
    this.#hangUp();
    const pc = new RTCPeerConnection({ iceServers: this.#iceServers });
    const call = { id, peerId, session: this.#peers.get(peerId), pc, since: performance.now() };
    this.#call = call;
    this.#counts = { sent: 0, received: 0 };
    pc.onicecandidate = ({ candidate }) => {
      this.#send(call, "ice-candidate", candidate);
      if (candidate) this.#countCandidate("sent");
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "connected") this.tell("stage", { name: "connected", detail: "" });
      if (pc.connectionState === "failed") this.signaling.queue("check", call);
      this.#report();
    };
    this.tell("call", pc);
    return call;
  }

  async #take(signal) {
    if (signal.type === "offer") {
      if (!this.stream) await this.#answer(signal); // a Streaming Node answers nobody
      return;
    }
    const call = this.#call;
    if (call?.peerId !== signal.from || (signal.call ?? call.id) !== call.id) return;
    if (signal.type === "answer" && call.pc.signalingState === "have-local-offer") {
      this.tell("stage", { name: "answer", detail: "received" });
      await call.pc.setRemoteDescription(signal.data);
    } else if (signal.type === "ice-candidate" && signal.data) {
      this.#countCandidate("received");
      await call.pc.addIceCandidate(signal.data);
    }
  }

  #countCandidate(direction) {
    this.#counts[direction] += 1;
    const { sent, received } = this.#counts;
    this.tell("stage", { name: "candidates", detail: `${sent} sent, ${received} received` });
  }

  /** The Streaming Node calls again if its newest call is not established. */
  async #check(call) {
    const waits = ["connected", "disconnected"].includes(call.pc.connectionState);
    if (this.#call !== call || waits || !this.stream) return; // ICE decides
    if (this.#peers.has(call.peerId) && this.signaling.socket.connected) await this.#offer(call.peerId);
  }

  #send(call, type, data) {
    this.signaling.send({ type, to: call.peerId, data, ...(call.id && { call: call.id }) });
  }

  /** Report the connection's state, so that the status page need not guess. */
  async #report() {
    const call = this.#call;
    if (!call) return;
    const state = call.pc.connectionState;
    const details = state === "connected" ? await this.#measured(call) : {};
    if (call !== this.#call) return; // a newer one has replaced it
    this.signaling.socket.volatile.emit("report", { to: call.peerId, state, ...details });
  }

  /** What the server shows of a call: its path, and what passed since the last report. */
  async #measured(call) {
    const now = performance.now();
    const { pair, seconds = 0, bytes = 0, frames = 0 } = await measure(call.pc);
    const before = call.measured ?? { at: call.since, bytes: 0, frames: 0 };
    const passed = Math.max(0.001, (now - before.at) / 1000);
    call.measured = { at: now, bytes, frames };
    return {
      ...(pair && { candidate_pair: pair }),
      stats: {
        round_trip_ms: seconds * 1000,
        bitrate_kbps: Math.max(0, ((bytes - before.bytes) * 8) / 1000 / passed),
        frames_per_second: Math.max(0, (frames - before.frames) / passed),
      },
    };
  }

  #hangUp() {
    this.#call?.pc.close();
    this.#call = null;
  }
}

/**
 * What getStats reports about the video: `{pair: {local, remote} or null, seconds: round-trip time,
 * bytes, frames, width, height}`, numbers undefined while unknown. W3C webrtc-stats.
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
    seconds: pair?.currentRoundTripTime,
    bytes: rtp?.bytesReceived ?? rtp?.bytesSent,
    frames: rtp?.framesDecoded ?? rtp?.framesSent,
    width: rtp?.frameWidth,
    height: rtp?.frameHeight,
  };
}

function end(candidate) {
  const { candidateType: type, protocol, address } = candidate ?? {};
  return { type, protocol, ...(address && { address }) };
}
