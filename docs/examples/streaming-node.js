// A Streaming Node: offers its video to every peer in its room, and recovers it after the restart
// of any part and the dropout of any link.
//
//   const stream = await navigator.mediaDevices.getUserMedia({ video: true });
//   new StreamingNode("http://SERVER:8080/?name=streaming-node&role=streaming-node", stream);

import { Reporter } from "./report.js";
import { Signaling, randomId } from "./signaling.js";

const CALL_MILLISECONDS = 10_000; // a call not established by then is started again

/** Offers `stream` to every peer. Only the node offers: GCOM answers. */
export class StreamingNode {
  #iceServers = [];
  #peers = new Map(); // peer_id -> session
  #calls = new Map(); // peer_id -> {id, session, pc}

  constructor(url, stream) {
    this.stream = stream;
    this.signaling = new Signaling(url, (event, data) => this.#handle(event, data));
    this.reporter = new Reporter(this.signaling);
  }

  async #handle(event, data) {
    if (event === "welcome") {
      this.#iceServers = data.ice_servers;
      this.reporter.reportAll();
      this.#peers.clear(); // a newcomer receives a peer_joined for everyone here next
      if (data.resumed) for (const peer of data.peers) await this.#meet(peer);
    } else if (event === "peer_joined") {
      await this.#meet(data);
    } else if (event === "peer_left") {
      this.#peers.delete(data.peer_id); // its video may well continue
    } else if (event === "signal") {
      await this.#take(data);
    } else if (event === "check") {
      await this.#check(data);
    }
  }

  /** Call a peer that is here, unless its session is unchanged and it is connected. */
  async #meet({ peer_id: peerId, session }) {
    this.#peers.set(peerId, session);
    const call = this.#calls.get(peerId);
    const established = call?.pc.connectionState === "connected";
    if (!established || !session || call.session !== session) await this.#call(peerId);
  }

  /** Open a new connection to a peer, which replaces the current one. */
  async #call(peerId) {
    const pc = new RTCPeerConnection({ iceServers: this.#iceServers });
    this.reporter.begin(peerId, pc);
    this.#hangUp(peerId);
    const call = { id: randomId(), session: this.#peers.get(peerId), pc, peerId };
    this.#calls.set(peerId, call);
    const send = (type, data) => this.signaling.send({ type, to: peerId, data, call: call.id });
    for (const track of this.stream.getTracks()) pc.addTrack(track, this.stream);
    pc.onicecandidate = ({ candidate }) => send("ice-candidate", candidate);
    pc.onconnectionstatechange = () => {
      console.log(`${peerId}: ${pc.connectionState}`);
      if (pc.connectionState === "failed") this.signaling.queue("check", call);
    };
    const offer = await pc.createOffer();
    send("offer", offer); // before its candidates; the answer returns `call`
    await pc.setLocalDescription(offer);
    setTimeout(() => this.signaling.queue("check", call), CALL_MILLISECONDS);
  }

  /** Apply an answer or a candidate, if it belongs to the current call. */
  async #take(signal) {
    const call = this.#calls.get(signal.from);
    if (!call || (signal.call ?? call.id) !== call.id) return; // null: it does not use `call`
    if (signal.type === "answer" && call.pc.signalingState === "have-local-offer") {
      await call.pc.setRemoteDescription(signal.data);
    } else if (signal.type === "ice-candidate" && signal.data) {
      await call.pc.addIceCandidate(signal.data);
    }
  }

  /** Call again if this call is the peer's newest and is not established. */
  async #check(call) {
    const waits = ["connected", "disconnected"].includes(call.pc.connectionState);
    if (this.#calls.get(call.peerId) !== call || waits) return; // ICE decides
    if (this.#peers.has(call.peerId) && this.signaling.connected) await this.#call(call.peerId);
    else this.#hangUp(call.peerId); // #meet calls again when both sides are back
  }

  #hangUp(peerId) {
    this.#calls.get(peerId)?.pc.close();
    this.#calls.delete(peerId);
  }
}
