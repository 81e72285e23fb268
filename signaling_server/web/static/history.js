// The last hour of a room: a small picture with a bar for each peer, and the same as text.
//
// Times are those of the server, as in its log; while its clock is not set, how long ago it was.

import { ago, element } from "./page.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDE = { width: 600, names: 150, lane: 26, text: 18, bar: 6 }; // the names of the lanes are beside them
const NARROW = { width: 360, names: 0, lane: 42, text: 15, bar: 22 }; // or, on a phone, above
const BAR = 14;
const LEAST_SECONDS = 300; // the picture shows at least the last 5 minutes
const MOST_LANES = 8;
const MARKS = { broke: "lost", left: "left", contested: "trouble", rejected: "trouble" };

/** The history of a room, `{seconds, events, bars, omitted}`, as a picture and a list; or nothing. */
export function history(room, timeline, open) {
  if (!timeline?.events?.length) return [];
  const { events, omitted } = timeline;
  const title = `History: ${events.length} events`;
  const details = element("details", { class: "history", "data-key": `history ${room}` }, element("summary", {}, title));
  if (open) {
    details.setAttribute("open", "");
    const more = omitted ? [element("p", {}, `${omitted} less important events are left out.`)] : [];
    details.append(...more, element("ol", { class: "events" }, ...[...events].reverse().map(line)));
  }
  return [picture(room, timeline), details];
}

function line({ text, times, clock_set: set, ...event }) {
  const notes = [times > 1 && `${times} times`, !set && "before the clock was set"].filter(Boolean);
  return element(
    "li",
    { "data-kind": event.kind },
    element("span", { class: "when" }, when(event)),
    element("span", {}, text + (notes.length ? ` (${notes.join(", ")})` : "")),
  );
}

/** "14:03:12", or "3 min ago" if the server does not know the time. */
function when({ time, seconds_ago: seconds }) {
  if (time === null || time === undefined) return `${ago(seconds)} ago`;
  return new Date(1000 * time).toLocaleTimeString(undefined, { hourCycle: "h23" });
}

// --- the picture ------------------------------------------------------------------------------------

function picture(room, { seconds, events, bars }) {
  const oldest = Math.max(...events.map((event) => event.seconds_ago), ...bars.map(({ since }) => since));
  const span = Math.min(seconds, Math.max(LEAST_SECONDS, 60 * Math.ceil(oldest / 60)));
  const { width, names, lane, text, bar } = matchMedia("(max-width: 40rem)").matches ? NARROW : WIDE;
  const x = (secondsAgo) => names + ((width - names) * (span - Math.min(span, Math.max(0, secondsAgo)))) / span;
  const all = lanes(bars);
  const shown = all.slice(0, MOST_LANES);
  const height = shown.length * lane + 24;
  const image = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    class: "picture",
    "aria-label": inWords(room, span, all, events),
  });
  shown.forEach(({ name, bars: own }, index) => {
    const y = index * lane;
    const middle = y + bar + BAR / 2;
    image.append(
      svg("text", { x: 0, y: y + text }, names ? shorten(name) : name),
      svg("line", { x1: names, x2: width, y1: middle, y2: middle, class: "lane" }),
      ...own.map(({ state, since, until }) => {
        const from = x(since);
        return svg("rect", { x: from, y: y + bar, width: Math.max(2, x(until ?? 0) - from), height: BAR, class: state });
      }),
    );
  });
  const lanesEnd = shown.length * lane;
  for (const { kind, seconds_ago: seconds, peer_id: peer } of events) {
    const at = x(seconds);
    if (kind === "server") {
      image.append(svg("line", { x1: at, x2: at, y1: 0, y2: lanesEnd, class: "restart" }));
    } else if (MARKS[kind]) {
      const index = shown.findIndex(({ name }) => name === peer);
      const y = index * lane + bar - 5;
      if (index >= 0) image.append(svg("path", { d: `M${at - 6} ${y}h12l-6 9z`, class: MARKS[kind] }));
    }
  }
  image.append(
    svg("text", { x: names, y: height - 4, class: "axis" }, start(events, span)),
    svg("text", { x: width, y: height - 4, "text-anchor": "end", class: "axis" }, "now"),
  );
  return element("figure", { class: "timeline-picture" }, image, legend(bars, events));
}

/** One lane for each peer, and one for each call, in the order in which they began. */
function lanes(bars) {
  const found = new Map();
  const calls = new Set(bars.filter(({ state }) => state === "call").map(({ peers }) => peers.join(" ↔ ")));
  for (const bar of bars) {
    const call = calls.size > 1 ? `call ${bar.peers.join(" ↔ ")}` : "call";
    const name = bar.state === "call" ? call : bar.peers[0];
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(bar);
  }
  return [...found].map(([name, own]) => ({ name, bars: own }));
}

function inWords(room, span, all, events) {
  const spans = all.map(({ name, bars }) => {
    const texts = bars.map(({ state, since, until }) => {
      const end = until === null ? "until now" : `to ${ago(until)} ago`;
      return `${state === "call" ? "established" : state} from ${ago(since)} ago ${end}`;
    });
    return `${name}: ${texts.join(", ")}.`;
  });
  const starts = events.filter(({ kind }) => kind === "server");
  const server = starts.map((event) => `The server started ${ago(event.seconds_ago)} ago.`);
  return [`Room ${room}, the last ${ago(span)}.`, ...spans, ...server].join(" ");
}

function start(events, span) {
  const timed = events.find(({ time }) => time !== null && time !== undefined);
  if (!timed) return `${ago(span)} ago`;
  return when({ time: timed.time + timed.seconds_ago - span, seconds_ago: span }).slice(0, 5);
}

const LEGEND = { present: "present", away: "away, may come back", call: "call established", restart: "start of the server" };

function legend(bars, events) {
  const kinds = new Set(bars.map(({ state }) => state));
  if (events.some(({ kind }) => kind === "server")) kinds.add("restart");
  const entries = Object.entries(LEGEND).filter(([kind]) => kinds.has(kind));
  return element(
    "figcaption",
    {},
    ...entries.map(([kind, text]) => element("span", { class: `key ${kind}` }, text)),
  );
}

const shorten = (name) => (name.length > 16 ? `${name.slice(0, 15)}…` : name);

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, typeof value === "number" ? String(Math.round(10 * value) / 10) : value);
  }
  made.append(...children);
  return made;
}
