// Makes Node a bit of a browser, so that docs/examples run as they are:
//
//   node --import ./webrtc.mjs PROGRAM
//
// RTCPeerConnection and its kin are global, as in a browser; socket.io-client is found here.

import { register } from "node:module";
import wrtc from "@roamhq/wrtc";

Object.assign(globalThis, {
  MediaStream: wrtc.MediaStream,
  RTCPeerConnection: wrtc.RTCPeerConnection,
});

const hooks = `
  export function resolve(name, context, next) {
    const parentURL = name === "socket.io-client" ? "${import.meta.url}" : context.parentURL;
    return next(name, { ...context, parentURL });
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
