// Makes Node a bit of a browser, so that hawkeye-signaling.js runs as it is:
//
//   node --import ./webrtc.mjs PROGRAM
//
// RTCPeerConnection and its kin are global, as in a browser; socket.io-client is that of npm.

import { register } from "node:module";
import wrtc from "@roamhq/wrtc";

Object.assign(globalThis, {
  MediaStream: wrtc.MediaStream,
  RTCPeerConnection: wrtc.RTCPeerConnection,
});

const hooks = `
  export function resolve(name, context, next) {
    if (!name.endsWith("/socket.io.esm.js")) return next(name, context);
    return next("socket.io-client", { ...context, parentURL: "${import.meta.url}" });
  }
  export function load(url, context, next) {
    const format = url.endsWith("/hawkeye-signaling.js") ? "module" : context.format;
    return next(url, { ...context, format });
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
