// A GCOM with libdatachannel, which receives RTP and decodes nothing:
//
//   node gcom-libdatachannel.mjs URL
//
// A packet with the marker bit ends a frame (RFC 7741 for VP8, RFC 6184 for H264).

import datachannel from "node-datachannel";
import { io } from "socket.io-client";

const HEADER_BYTES = 12;
const MARKER = 0x80;
const RTCP = { first: 64, last: 95 }; // packet types, of which RTP has none (RFC 5761)

const socket = io(process.argv[2], { transports: ["websocket"] });
let pc;
let track; // kept: one that is collected receives nothing

socket.on("signal", ({ from, type, data, call }) => {
  if (type === "offer") {
    pc?.close();
    pc = new datachannel.PeerConnection("gcom", { iceServers: [] });
    pc.onLocalDescription((sdp, kind) => {
      socket.emit("signal", { to: from, type: kind, data: { type: kind, sdp }, call });
    });
    pc.onLocalCandidate((candidate, sdpMid) => {
      socket.emit("signal", { to: from, type: "ice-candidate", data: { candidate, sdpMid }, call });
    });
    pc.onStateChange((state) => console.log(`${from}: ${state}`));
    pc.onTrack((offered) => {
      track = offered;
      let bytes = 0;
      track.onMessage((packet) => {
        const kind = packet[1] & ~MARKER;
        if (packet.length <= HEADER_BYTES || (kind >= RTCP.first && kind <= RTCP.last)) return;
        bytes += packet.length - HEADER_BYTES;
        if (!(packet[1] & MARKER)) return;
        console.log(`${from}: frame of ${bytes} bytes`);
        bytes = 0;
      });
    });
    pc.setRemoteDescription(data.sdp, "offer");
  } else if (type === "ice-candidate" && data?.candidate) {
    pc?.addRemoteCandidate(data.candidate, data.sdpMid ?? "0");
  }
});
