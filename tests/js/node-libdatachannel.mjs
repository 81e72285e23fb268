// A Streaming Node with libdatachannel, which encodes nothing: it passes on the RTP packets of VP8
// that reach its UDP port.
//
//   node node-libdatachannel.mjs URL
//
// It prints the port, and the SSRC and the payload type that the packets must have.

import { createSocket } from "node:dgram";

import datachannel from "node-datachannel";
import { io } from "socket.io-client";

const SSRC = 42;
const VP8 = 96;

const socket = io(process.argv[2], { transports: ["websocket"] });
const calls = new Map(); // peer_id -> { pc, track }

function offer({ peer_id: to }) {
  calls.get(to)?.pc.close();
  const pc = new datachannel.PeerConnection("streaming-node", { iceServers: [] });
  pc.onLocalDescription((sdp, type) => socket.emit("signal", { to, type, data: { type, sdp } }));
  pc.onLocalCandidate((candidate, sdpMid) => {
    socket.emit("signal", { to, type: "ice-candidate", data: { candidate, sdpMid } });
  });
  pc.onStateChange((state) => console.log(`${to}: ${state}`));
  const video = new datachannel.Video("video", "SendOnly");
  video.addVP8Codec(VP8);
  video.addSSRC(SSRC, "video", "stream", "video");
  const track = pc.addTrack(video); // kept: one that is collected sends nothing
  calls.set(to, { pc, track });
  pc.setLocalDescription();
}

socket.on("peer_joined", offer);
socket.on("signal", ({ from, type, data }) => {
  const pc = calls.get(from)?.pc;
  if (type === "answer") pc?.setRemoteDescription(data.sdp, "answer");
  else if (data?.candidate) pc?.addRemoteCandidate(data.candidate, data.sdpMid ?? "video");
});

const source = createSocket("udp4");
source.on("message", (packet) => {
  for (const { track } of calls.values()) if (track.isOpen()) track.sendMessageBinary(packet);
});
source.bind(0, "127.0.0.1", () => console.log(`port ${source.address().port} ${SSRC} ${VP8}`));
