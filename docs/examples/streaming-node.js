// A Streaming Node: offers its video to every peer in its room, and gets it there again after
// restarts of anybody and dropouts of any link.
//
//   const stream = await navigator.mediaDevices.getUserMedia({ video: true });
//   new StreamingNode("http://SERVER:8080/?name=streaming-node&role=streaming-node", stream);

import { Signaling, randomId } from "./signaling.js";

const CALL_MILLISECONDS = 10_000; // a call that does not stand by then is made anew

/** Offers `stream` to every peer. Offers are ours alone: GCOM answers. */
export class StreamingNode {
  #iceServers = [];
  #peers = new Map(); // peer_id -> session
  #calls = new Map(); // peer_id -> {id, session, pc}

  constructor(url, stream) {
    this.stream = stream;
    this.signaling = new Signaling(url, (event, data) => this.#handle(event, data));
  }

  async #handle(event, data) {
    if (event === "welcome") {
      this.#iceServers = data.ice_servers;
      this.#peers.clear(); // a peer_joined for everyone here follows, if we are new
      if (data.resumed) for (const peer of data.peers) await this.#meet(peer);
    } else if (event === "peer_joined") {
      await this.#meet(data);
    } else if (event === "peer_left") {
      this.#peers.delete(data.peer_id); // its video may well go on: ICE will tell
    } else if (event === "signal") {
      await this.#take(data);
    } else if (event === "check") {
      await this.#check(data);
    }
  }

  /** A peer is here. The same session as before, and connected: nothing to do. */
  async #meet({ peer_id: peerId, session }) {
    this.#peers.set(peerId, session);
    const call = this.#calls.get(peerId);
    const stands = call?.pc.connectionState === "connected";
    if (!stands || !session || call.session !== session) await this.#call(peerId);
  }

  /** Make a new connection to a peer, in place of the one there was. */
  async #call(peerId) {
    this.#hangUp(peerId);
    const pc = new RTCPeerConnection({ iceServers: this.#iceServers });
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
    send("offer", offer); // before its candidates; the answer brings `call` back
    await pc.setLocalDescription(offer);
    setTimeout(() => this.signaling.queue("check", call), CALL_MILLISECONDS);
  }

  /** Take an answer or a candidate, if it belongs to the call that we have. */
  async #take(signal) {
    const call = this.#calls.get(signal.from);
    if (!call || (signal.call ?? call.id) !== call.id) return; // null: it knows no `call`
    if (signal.type === "answer" && call.pc.signalingState === "have-local-offer") {
      await call.pc.setRemoteDescription(signal.data);
    } else if (signal.type === "ice-candidate" && signal.data) {
      await call.pc.addIceCandidate(signal.data);
    }
  }

  /** Call again if this call is the peer's newest and does not stand. */
  async #check(call) {
    const waits = ["connected", "disconnected"].includes(call.pc.connectionState);
    if (this.#calls.get(call.peerId) !== call || waits) return; // ICE has the last word
    if (this.#peers.has(call.peerId) && this.signaling.connected) await this.#call(call.peerId);
    else this.#hangUp(call.peerId); // when we or the peer are back, we meet
  }

  #hangUp(peerId) {
    this.#calls.get(peerId)?.pc.close();
    this.#calls.delete(peerId);
  }
}
