// Runs the client of /static/hawkeye-signaling.js until it is killed, with a test picture as the
// camera and a line for each frame that is seen:
//
//   node --import ./webrtc.mjs example.mjs streaming-node|gcom URL

import wrtc from "@roamhq/wrtc";

import { GCOM, StreamingNode } from "../../signaling_server/web/static/hawkeye-signaling.js";
import { testPicture, watch } from "./video.mjs";

const [program, url] = process.argv.slice(2);
const options = { transports: ["websocket"] };
const example =
  program === "gcom"
    ? new GCOM(url, options)
    : new StreamingNode(url, new wrtc.MediaStream([testPicture()]), options);
example.addEventListener("stream", ({ detail: { peerId, stream } }) => {
  watch(peerId, stream.getVideoTracks()[0]);
});
example.addEventListener("state", ({ detail }) => console.log(`${detail.peerId}: ${detail.state}`));
example.addEventListener("trouble", ({ detail }) => console.error(`${detail.code}: ${detail.message}`));
example.addEventListener("refused", ({ detail }) => {
  console.log(detail.message);
  process.exit(1);
});
