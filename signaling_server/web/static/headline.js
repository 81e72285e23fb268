// The headline: the worst thing of all rooms, and what to do about it.

import { element } from "./page.js";

const TONES = { alarm: "bad", warning: "busy", note: "plain" };
const OFF_SECONDS = 60; // a clock that is less off matters to nothing here

export const tone = (severity) => TONES[severity] ?? "plain";

/**
 * The state of all calls in one line; `announce` is what a screen reader says when it changes, `key`
 * tells whether it did: the text may count seconds, which is not worth announcing.
 */
export function verdict(status) {
  const calls = status.rooms.flatMap(({ room, pairs }) => pairs.map((pair) => ({ room, ...pair })));
  const found = status.headline === undefined ? firstStalled(calls) : status.headline;
  const state = stateOf(calls, status.rooms, status.fleet);
  if (!found || (found.severity === "note" && state.tone === "good")) return state;
  const where = found.room ? `${found.room}: ` : "";
  const text = found.text.startsWith(where) ? found.text : where + found.text;
  return {
    tone: tone(found.severity),
    text,
    advice: found.advice,
    code: found.code,
    room: found.room,
    announce: [text, found.advice].filter(Boolean).join(" "),
    key: `${found.room} ${found.code} ${found.severity}`,
  };
}

/** For servers that tell no headline. */
function firstStalled(calls) {
  const call = calls.find(({ state }) => state === "stalled");
  if (!call) return null;
  const [first] = call.diagnosis;
  const text = first?.text ?? `no connection between ${call.peers.join(" and ")}`;
  return { severity: "alarm", room: call.room, text, code: first?.code ?? "stalled" };
}

function stateOf(calls, rooms, fleet) {
  const count = (wanted) => calls.filter(({ state }) => state === wanted).length;
  const connected = count("connected");
  if (calls.length && connected === calls.length) {
    return { tone: "good", text: connected === 1 ? "Connected" : `All ${connected} calls connected` };
  }
  if (count("answered") && count("answered") + connected === calls.length) {
    return { tone: "plain", text: "Offer and answer exchanged" };
  }
  if (count("unknown") && count("unknown") + connected === calls.length) {
    return { tone: "plain", text: "Back since the restart of the server; no peer has reported yet" };
  }
  if (connected) return { tone: "busy", text: `${connected} of ${calls.length} calls connected` };
  if (calls.length) return { tone: "busy", text: "Connecting …" };
  if (rooms.length) return { tone: "plain", text: "Waiting for the other side" };
  if (fleet?.elsewhere.length) return { tone: "plain", text: "All peers here are in rooms of other hosts" };
  return { tone: "plain", text: "Nobody is connected yet" };
}

/** What to do, with a link to the room and one to the explanation. */
export function advice({ advice: text, code, room, tone: state }) {
  if (!text && (!code || state !== "bad")) return [];
  const links = [];
  if (room) links.push(element("a", { href: `#${roomId(room)}` }, `Room ${room}`));
  if (code) links.push(element("a", { href: `help#${code}` }, "Explanation"));
  return [
    element(
      "p",
      { class: "advice", "data-tone": state },
      ...(text ? [element("strong", {}, "What to do: "), text, " "] : []),
      ...links.flatMap((link) => [link, " "]),
    ),
  ];
}

export const roomId = (name) => `room-${name}`;

/** A warning if the clock of this device and that of the server differ; `time` may be null. */
export function clockWarning(time) {
  if (time === null || time === undefined) return null;
  const off = Date.now() / 1000 - time;
  if (Math.abs(off) < OFF_SECONDS) return null;
  const which = off > 0 ? "ahead of" : "behind";
  return element(
    "li",
    { "data-code": "clock" },
    `The clock of this device is ${roughly(Math.abs(off))} ${which} that of the server. Times on this page are the server's. `,
    element("a", { href: "help#clock" }, "Explanation"),
  );
}

function roughly(seconds) {
  for (const [unit, size] of [["days", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}
