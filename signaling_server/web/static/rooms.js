// The rooms: those with trouble first and open, healthy ones folded to a line each.

import { history } from "./history.js";
import { roomId, tone } from "./headline.js";
import { ago, element, timeline } from "./page.js";

const EVERY_CALL_HAS = ["both-here", "offer", "answer", "connected"];
const FEW = 3; // so many rooms are open; of more, people open those that they want to see
const LIST_HEALTHY = 3; // more healthy rooms than this are behind one line
const FILTER_FROM = 6;
const STATES = {
  connected: { tone: "good", text: "Connected" },
  negotiating: { tone: "busy", text: "Connecting" },
  waiting: { tone: "plain", text: "Waiting" },
  answered: { tone: "plain", text: "Answered" }, // and no client reports whether it connected
  unknown: { tone: "plain", text: "Unknown since the restart" },
  stalled: { tone: "bad", text: "No connection" },
};
const RANKS = { bad: 0, busy: 1, plain: 2, good: 3 };

const chosen = new Map(); // what somebody has opened or closed: key -> whether it is open
export const needsFilter = (rooms) => rooms.length >= FILTER_FROM;

document.addEventListener("click", ({ target }) => {
  const details = target.closest?.("summary")?.parentElement;
  if (details?.dataset.key) chosen.set(details.dataset.key, !details.open);
});

/** Open a room, because a link leads to it. */
export function openRoom(id) {
  chosen.set(id, true);
  chosen.set("healthy", true);
}

/** The rooms that contain `text`, `worst` first, as elements, and a sentence about them. */
export function show(rooms, text, worst) {
  const wanted = text.trim().toLowerCase();
  const judged = rooms.map(judge).filter((room) => contains(room.room, wanted));
  const rank = ({ room, tone: state }) => (room.room === worst ? -1 : RANKS[state]);
  judged.sort((a, b) => rank(a) - rank(b));
  const troubled = judged.filter(({ tone: state }) => RANKS[state] < RANKS.plain);
  const healthy = judged.filter(({ tone: state }) => RANKS[state] >= RANKS.plain);
  const few = judged.length <= FEW;
  const elements = troubled.map((room) => card(room, few));
  const cards = healthy.map((room) => card(room, few));
  if (healthy.length <= LIST_HEALTHY || wanted) elements.push(...cards);
  else elements.push(folded(cards, healthy));
  return { elements, sentence: sentence(rooms, judged, troubled, wanted) };
}

function sentence(rooms, judged, troubled, wanted) {
  if (wanted) return `${judged.length} of ${rooms.length} rooms`;
  if (!needsFilter(rooms)) return "";
  return `${rooms.length} rooms, ${troubled.length || "none"} with trouble`;
}

function contains({ room, peers, pairs, diagnosis }, wanted) {
  if (!wanted) return true;
  const texts = peers.flatMap(({ peer_id: id, name, role, address }) => [id, name, role, address]);
  const findings = [...diagnosis, ...pairs.flatMap((pair) => pair.diagnosis)].map(({ text }) => text);
  return [room, ...texts, ...findings].some((text) => text?.toLowerCase().includes(wanted));
}

/** What is the matter with a room: the worst of its findings and of its calls. */
function judge(room) {
  const findings = [...room.diagnosis, ...room.pairs.flatMap(({ diagnosis }) => diagnosis)];
  const tones = [
    ...findings.map(({ severity }) => tone(severity)),
    ...room.pairs.map(({ state }) => STATES[state]?.tone ?? "plain"),
  ];
  const worst = tones.reduce((a, b) => (RANKS[a] <= RANKS[b] ? a : b), "good");
  const pairs = room.pairs.length ? worst : worst === "good" ? "plain" : worst;
  const first = findings.find(({ severity }) => tone(severity) === worst) ?? findings[0];
  return { room, tone: pairs, first };
}

function folded(cards, healthy) {
  const connected = healthy.filter((room) => room.tone === "good").length;
  const text = `${healthy.length} rooms without trouble` + (connected ? `, ${connected} connected` : "");
  return details("healthy", false, { class: "healthy" }, [element("strong", {}, text)], () => cards);
}

function details(key, open, attributes, summary, content) {
  const isOpen = chosen.get(key) ?? open;
  const state = isOpen ? { open: "" } : {};
  const made = element("details", { ...attributes, ...state, "data-key": key }, element("summary", {}, ...summary));
  if (isOpen) made.append(...content());
  return made;
}

function card({ room, tone: state, first }, open) {
  const id = roomId(room.room);
  const line = [
    element("h3", {}, room.room),
    " ",
    element("span", { class: "line" }, first?.text ?? inOneLine(room)),
  ];
  const attributes = { id, class: "card room", "data-tone": state, "data-key": id, "aria-label": room.room };
  return element("article", attributes, details(id, open, {}, line, () => content(room)));
}

function inOneLine({ peers, pairs }) {
  const connected = pairs.find(({ state }) => state === "connected");
  const [first] = pairs;
  const told = connected ?? first;
  if (!told) return peers.map(({ name, peer_id: id }) => name ?? id).join(", ");
  const text = STATES[told.state]?.text ?? told.state;
  return [text, told.peers.join(" ↔ "), told.path, ...measured(told).slice(0, 2)].filter(Boolean).join(" · ");
}

function content({ room, peers, pairs, diagnosis, last_seen: seen, timeline: past }) {
  return [
    findings(diagnosis),
    ...pairs.map(pair),
    element("h4", { class: "unseen" }, `Peers in ${room}`),
    element("ul", { class: "peers" }, ...peers.map(peer), ...(seen ?? []).map(gone)),
    ...history(room, past, chosen.get(`history ${room}`) ?? false),
  ];
}

/** A room that nobody is in any longer. */
export function former({ room, timeline: past }) {
  const open = () => history(room, past, chosen.get(`history ${room}`) ?? false);
  const last = past.events.at(-1);
  const line = [element("h3", {}, room), " ", element("span", { class: "line" }, last ? `${last.text}, ${ago(last.seconds_ago)} ago` : "")];
  return details(`former ${room}`, false, { class: "card room", "data-tone": "plain" }, line, open);
}

const findings = (list) => element("ul", { class: "diagnosis" }, ...list.map(finding));

/** What is wrong, what to do, and a link to more about it. */
export function finding({ code, text, severity, advice }) {
  return element(
    "li",
    { "data-code": code, ...(severity ? { "data-severity": severity } : {}) },
    element("span", { class: "finding" }, text),
    ...(advice ? [" ", element("span", { class: "todo" }, advice)] : []),
    " ",
    element("a", { href: `help#${code}`, "aria-label": `Explanation of ${code}` }, "Explanation"),
  );
}

function pair(shown) {
  const { peers, state, stages, diagnosis } = shown;
  const { tone: look, text } = STATES[state] ?? { tone: "plain", text: state };
  return element(
    "div",
    { class: "pair", "data-tone": look, "data-state": state },
    element("h4", {}, peers.join(" ↔ "), " ", element("span", { class: "badge" }, text)),
    findings(diagnosis),
    facts(shown),
    timeline(stages.map(stage), EVERY_CALL_HAS),
  );
}

/** The path of a call, what was measured of it, and the candidates of both sides. */
function facts(shown) {
  const kinds = Object.entries(shown.candidate_kinds ?? {}).map(([peer, counts]) => [
    `Candidates of ${peer}`,
    Object.entries(counts).map(([kind, count]) => `${count} ${kind}`).join(", ") || "none yet",
  ]);
  const first = shown.first_frame_seconds;
  const rows = [
    ["Path", shown.path],
    ["Measured", measured(shown).join(", ")],
    ["First picture", typeof first === "number" ? `${first.toFixed(1)} s after both were here` : ""],
    ...kinds,
  ];
  return element(
    "dl",
    { class: "facts" },
    ...rows
      .filter(([, value]) => value)
      .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

/** "12 ms round trip", "2.1 Mbit/s", ...: of each figure the newest report. */
function measured({ stats }) {
  const reports = Object.values(stats ?? {}).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  const newest = (key) => reports.find((report) => typeof report[key] === "number")?.[key];
  const [trip, rate] = [newest("round_trip_ms"), newest("bitrate_kbps")];
  const [frames, lost] = [newest("frames_per_second"), newest("packets_lost")];
  return [
    trip !== undefined && `${Math.round(trip)} ms round trip`,
    rate !== undefined && (rate >= 1000 ? `${(rate / 1000).toFixed(1)} Mbit/s` : `${Math.round(rate)} kbit/s`),
    frames !== undefined && `${Math.round(frames)} frames/s`,
    lost !== undefined && `${lost} packets lost`,
  ].filter(Boolean);
}

function stage({ stage: name, by, seconds_ago: seconds, count }) {
  const who = by ? `by ${by}` : "";
  return { name, detail: count ? `${count} ${who}` : who, when: `${ago(seconds)} ago` };
}

function peer({ connected_seconds: seconds, signals, refused, ...shown }) {
  const { peer_id: id, name, role, address, transport, state, host, named_by: rule } = shown;
  const details = [
    role === name ? null : role,
    address,
    transport,
    state === "away" ? "away, may come back" : `connected for ${ago(seconds)}`,
    signals === undefined ? null : `${signals} signals`,
    refused ? `${refused} refused` : null,
    host ? `connected to ${host}` : null,
    namedBy(rule),
  ];
  return element(
    "li",
    { "data-state": state },
    element("strong", {}, name ?? id),
    " ",
    element("span", {}, details.filter(Boolean).join(" · ")),
  );
}

const HOW = { lost: "connection lost", goodbye: "said goodbye", replaced: "replaced", revoked: "token revoked" };

/** A peer that was here, and is not any longer. */
function gone({ peer_id: id, role, seconds_ago: seconds, how, address, in_call_seconds: call }) {
  const details = [
    role === id ? null : role,
    `last seen ${ago(seconds)} ago`,
    HOW[how] ?? how,
    address,
    typeof call === "number" ? `after ${ago(call)} in a call` : null,
  ];
  return element(
    "li",
    { "data-state": "gone" },
    element("strong", {}, id),
    " ",
    element("span", {}, details.filter(Boolean).join(" · ")),
  );
}

/** By which of the server's rules (`names:`) a peer got its name; nothing if it brought its own. */
function namedBy(rule) {
  if (rule === undefined || rule === null || rule === "") return null;
  return `named by ${typeof rule === "number" ? `rule ${rule}` : rule}`;
}
