// Reports of calls, so that the server's status page need not guess whether there is video, and why
// not. Optional: the calls of streaming-node.js and gcom.js work without it.

const REPORT_MILLISECONDS = 2000;

/** Reports each call when its state changes, after each `welcome`, and while it stands. */
export class Reporter {
  #signaling;
  #calls = new Map(); // peer_id -> {pc, at, bytes, frames}

  constructor(signaling) {
    this.#signaling = signaling;
    setInterval(() => this.#calls.size && this.reportAll(), REPORT_MILLISECONDS);
  }

  /** A call begins: it replaces the peer's older one. */
  begin(peerId, pc) {
    this.#calls.set(peerId, { pc, at: performance.now(), bytes: 0, frames: 0 });
    pc.addEventListener("connectionstatechange", () => this.#report(peerId, pc));
  }

  /** Report every call, or that there is none: the server may have been restarted. */
  reportAll() {
    if (!this.#calls.size) this.#signaling.report({ state: "new" });
    for (const [peerId, { pc }] of this.#calls) this.#report(peerId, pc);
  }

  async #report(peerId, pc) {
    const call = this.#calls.get(peerId);
    if (call?.pc !== pc) return; // a newer call has replaced it
    const state = pc.connectionState;
    const details = state === "connected" ? await measure(call) : {};
    this.#signaling.report({ to: peerId, state, ...details });
  }
}

/** {candidate_pair, stats} of a call, by getStats. W3C webrtc-stats. */
async function measure(call) {
  const stats = await call.pc.getStats();
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === "transport");
  const pair =
    stats.get(transport?.selectedCandidatePairId) ??
    all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  const video = (kind) => all.find((stat) => stat.type === kind && stat.kind === "video");
  const rtp = video("inbound-rtp") ?? video("outbound-rtp");
  const bytes = rtp?.bytesReceived ?? rtp?.bytesSent ?? 0;
  const frames = rtp?.framesDecoded ?? rtp?.framesSent ?? 0;
  const now = performance.now();
  const seconds = Math.max(0.001, (now - call.at) / 1000);
  const result = {
    candidate_pair: pair && {
      local: end(stats.get(pair.localCandidateId)),
      remote: end(stats.get(pair.remoteCandidateId)),
    },
    stats: {
      round_trip_ms: (pair?.currentRoundTripTime ?? 0) * 1000,
      bitrate_kbps: Math.max(0, ((bytes - call.bytes) * 8) / 1000 / seconds),
      frames_per_second: Math.max(0, (frames - call.frames) / seconds),
      packets_lost: Math.max(0, rtp?.packetsLost ?? 0),
    },
  };
  Object.assign(call, { at: now, bytes, frames });
  return result;
}

function end(candidate) {
  const { candidateType: type, protocol, address, networkType: network } = candidate ?? {};
  return { type, protocol, address, network };
}
