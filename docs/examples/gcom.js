// A GCOM: answers every offer, and recovers the video after the restart of any part and the dropout
// of any link.
//
//   new GCOM("http://SERVER:8080/?name=gcom&role=gcom", (peerId, stream) => {
//     document.querySelector("video").srcObject = stream;
//   });

import { Reporter } from "./report.js";
import { Signaling } from "./signaling.js";

/** Answers offers. It never offers itself, so there is no glare. */
export class GCOM {
  #iceServers = [];
  #calls = new Map(); // peer_id -> {id, pc}; id is what the offer said

  /** `show(peerId, stream)` is called when there is video, and again for each new call. */
  constructor(url, show) {
    this.show = show;
    this.signaling = new Signaling(url, (event, data) => this.#handle(event, data));
    this.reporter = new Reporter(this.signaling);
  }

  async #handle(event, data) {
    if (event === "welcome") {
      this.#iceServers = data.ice_servers;
      this.reporter.reportAll();
    } else if (event === "signal" && data.type === "offer") {
      await this.#answer(data);
    } else if (event === "signal" && data.type === "ice-candidate" && data.data) {
      const call = this.#calls.get(data.from);
      if (call && call.id === data.call) await call.pc.addIceCandidate(data.data);
    }
  }

  /** Answer an offer: each is a new call, which replaces the peer's older one. */
  async #answer({ from: peerId, data: offer, call: id }) {
    const older = this.#calls.get(peerId);
    if (older && id && older.id === id) return; // a duplicate: its sender saw no confirmation
    const pc = new RTCPeerConnection({ iceServers: this.#iceServers });
    this.#calls.set(peerId, { id, pc });
    this.reporter.begin(peerId, pc);
    older?.pc.close();
    const send = (type, data) => this.signaling.send({ type, to: peerId, data, call: id });
    pc.onicecandidate = ({ candidate }) => send("ice-candidate", candidate);
    pc.onconnectionstatechange = () => console.log(`${peerId}: ${pc.connectionState}`);
    pc.ontrack = ({ track, streams }) => this.show(peerId, streams[0] ?? new MediaStream([track]));
    await pc.setRemoteDescription(offer);
    const answer = await pc.createAnswer();
    send("answer", answer); // before its candidates
    await pc.setLocalDescription(answer);
  }
}
