// A GCOM as it is today: knows nothing of names, sessions or held signals.
//
//   node --import ./webrtc.mjs gcom-today.mjs URL
//
// One RTCPeerConnection for its whole life. It answers offers of the first peer that made one and
// refuses those of any other, sends candidates with `to`, and ignores all other events.

import { io } from "socket.io-client";

import { watch } from "./video.mjs";

const socket = io(process.argv[2], { transports: ["websocket"] });
const pc = new RTCPeerConnection({ iceServers: [] });
let node = null;

pc.ontrack = ({ track }) => watch(node, track);
pc.onconnectionstatechange = () => console.log(`${node}: ${pc.connectionState}`);
pc.onicecandidate = ({ candidate }) => {
  if (candidate) socket.emit("signal", { to: node, type: "ice-candidate", data: candidate });
};

socket.on("signal", async ({ from, type, data }) => {
  try {
    if (type === "offer" && (node === null || node === from)) {
      node = from;
      await pc.setRemoteDescription(data);
      const answer = await pc.createAnswer();
      await pc.setLocalDescription(answer);
      socket.emit("signal", { to: node, type: "answer", data: answer });
    } else if (type === "ice-candidate" && data && node === from) {
      await pc.addIceCandidate(data);
    } else {
      console.log(`refused ${type} from ${from}`);
    }
  } catch (error) {
    console.log(`${type} from ${from}: ${error.message}`);
  }
});
