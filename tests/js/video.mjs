// A camera and a screen for Node.

import wrtc from "@roamhq/wrtc";

const { RTCVideoSink, RTCVideoSource } = wrtc.nonstandard;
const [WIDTH, HEIGHT, FRAMES_PER_SECOND] = [320, 240, 30];

/** A video track whose picture changes with every frame. */
export function testPicture() {
  const source = new RTCVideoSource();
  const data = new Uint8ClampedArray((WIDTH * HEIGHT * 3) / 2);
  setInterval(() => {
    data.fill((data[0] + 5) % 256);
    source.onFrame({ width: WIDTH, height: HEIGHT, data });
  }, 1000 / FRAMES_PER_SECOND);
  return source.createTrack();
}

const sinks = new Set(); // a sink that nobody holds is collected, and hears no more

/** Write a line for each frame of a track. */
export function watch(peerId, track) {
  const sink = new RTCVideoSink(track);
  sinks.add(sink);
  sink.onframe = ({ frame }) => console.log(`${peerId}: frame ${frame.width}x${frame.height}`);
}
