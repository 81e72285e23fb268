// Runs an example of docs/examples until it is killed, with a test picture as the camera and a line
// for each frame that is seen:
//
//   node --import ./webrtc.mjs example.mjs streaming-node|gcom URL

import wrtc from "@roamhq/wrtc";

import { GCOM } from "../../docs/examples/gcom.js";
import { StreamingNode } from "../../docs/examples/streaming-node.js";
import { testPicture, watch } from "./video.mjs";

const [program, url] = process.argv.slice(2);
const example =
  program === "gcom"
    ? new GCOM(url, (peerId, stream) => watch(peerId, stream.getVideoTracks()[0]))
    : new StreamingNode(url, new wrtc.MediaStream([testPicture()]));
await example.signaling.replaced;
console.log("another program uses our name");
process.exit(1);
