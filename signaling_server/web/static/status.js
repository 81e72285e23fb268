// The status page: fetches /api/status every second and shows the answer.
//
// Text from clients (names, roles, rooms) is set as text or attributes, never as HTML.

import { ago, element, morph, timeline } from "./page.js";

const EVERY_MILLISECONDS = 1000;
const PATIENCE_MILLISECONDS = 5000; // without an answer for this long, a request has failed
const FIRST_EVENTS = 12;
const TOKEN = "hawkeye-status-token";
const EVERY_CALL_HAS = ["both-here", "offer", "answer", "connected"];
const COUNTERS = {
  signals: "Signals",
  delivered: "Delivered",
  held: "Held",
  expired: "Expired",
  rejected: "Rejected",
  takeovers: "Takeovers",
  resumes: "Resumes",
};

const part = (id) => document.getElementById(id);
let timer;
let asking = false;
let answeredAt; // of the newest answer, by performance.now()
let newest; // that answer
let showsAll = false;

// --- asking -----------------------------------------------------------------------------------------

async function poll() {
  clearTimeout(timer);
  if (asking || document.hidden) return; // a hidden page does not poll; it resumes when visible
  asking = true;
  try {
    await ask();
  } catch {
    showLost();
  }
  asking = false;
  if (part("token-form").hidden) timer = setTimeout(poll, EVERY_MILLISECONDS);
}

/** Fetch the status once; throws unless the server answers with it. */
async function ask() {
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch("api/status", {
    cache: "no-store",
    headers: token ? { Authorization: `Bearer ${token}` } : {},
    signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
  });
  if (response.status === 401) {
    askForToken(token ? "This token is not accepted." : "");
    return;
  }
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const status = await response.json();
  const upgraded = newest && newest.server.version !== status.server.version;
  if (upgraded) location.reload(); // loads the page of that version
  newest = status;
  answeredAt = performance.now();
  show(status);
}

function askForToken(complaint) {
  sessionStorage.removeItem(TOKEN);
  part("token-wrong").textContent = complaint;
  part("status").hidden = true;
  part("token-form").hidden = false;
  setVerdict({ tone: "plain", text: "Token required" });
  part("token").focus();
}

part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, part("token").value.trim());
  part("token").value = "";
  part("token-form").hidden = true;
  poll();
});

part("more").addEventListener("click", () => {
  showsAll = true;
  show(newest);
});

document.addEventListener("visibilitychange", poll);

// --- showing ----------------------------------------------------------------------------------------

function show(status) {
  document.body.classList.remove("stale");
  setVerdict(verdict(status.rooms));
  part("warnings-title").hidden = status.server.warnings.length === 0;
  morph(part("warnings"), status.server.warnings.map((text) => element("li", {}, text)));
  const refusals = status.refusals ?? []; // older servers have none
  part("refusals-title").hidden = refusals.length === 0;
  morph(part("refusals"), refusals.map(refusal));
  morph(part("rooms"), status.rooms.length ? status.rooms.map(room) : [nobody()]);
  const events = showsAll ? status.events : status.events.slice(0, FIRST_EVENTS);
  morph(part("events"), events.map(event));
  part("more").hidden = events.length === status.events.length;
  part("more").textContent = `Show all ${status.events.length} events`;
  morph(part("server"), figures(status));
  part("status").hidden = false;
}

function showLost() {
  document.body.classList.add("stale");
  const since = answeredAt && `; the data below is ${ago((performance.now() - answeredAt) / 1000)} old`;
  setVerdict({
    tone: "bad",
    text: `The server is not responding${since ?? ""}. Retrying.`,
    announce: "The server is not responding. Retrying.",
  });
}

/** The state of all calls in one line; `announce` is what a screen reader says when it changes. */
function verdict(rooms) {
  const calls = rooms.flatMap(({ room, pairs }) => pairs.map((pair) => ({ room, ...pair })));
  const stalled = calls.find(({ state }) => state === "stalled");
  if (stalled) {
    const who = `${stalled.room}: ${stalled.peers.join(" and ")}`;
    const [first] = stalled.diagnosis;
    return {
      tone: "bad",
      text: `${stalled.room}: ${first?.text ?? `no connection between ${stalled.peers.join(" and ")}`}`,
      announce: `${who}: no connection. ${first ? first.text : ""}`,
      key: `${who} ${first?.code}`, // the text may count seconds: not worth announcing
    };
  }
  const connected = calls.filter(({ state }) => state === "connected").length;
  if (calls.length && connected === calls.length) {
    const text = calls.length === 1 ? "Connected" : `All ${calls.length} calls connected`;
    return { tone: "good", text };
  }
  const answered = calls.filter(({ state }) => state === "answered").length;
  if (answered && answered + connected === calls.length) {
    return { tone: "plain", text: "Offer and answer exchanged" };
  }
  if (connected) return { tone: "busy", text: `${connected} of ${calls.length} calls connected` };
  if (calls.length) return { tone: "busy", text: "Connecting …" };
  if (rooms.length) return { tone: "plain", text: "Waiting for the other side" };
  return { tone: "plain", text: "Nobody is connected yet" };
}

let announced;

function setVerdict({ tone, text, announce = text, key = announce }) {
  part("verdict").textContent = text;
  part("verdict").dataset.tone = tone;
  document.title = `${text} – Hawkeye signaling`;
  if (announced === key) return;
  announced = key;
  part("announcer").textContent = announce;
}

function nobody() {
  return element(
    "p",
    { class: "card" },
    "Neither a Streaming Node nor GCOM is connected to this server. Check on both that the server's address is ",
    element("strong", {}, location.host),
    ".",
  );
}

function room({ room: name, peers, pairs, diagnosis }) {
  return element(
    "article",
    { class: "card" },
    element("h3", {}, name),
    findings(diagnosis),
    ...pairs.map(pair),
    element("h4", { class: "unseen" }, `Peers in ${name}`),
    element("ul", { class: "peers" }, ...peers.map(peer)),
  );
}

function findings(diagnosis) {
  const item = ({ code, text }) => element("li", { "data-code": code }, text);
  return element("ul", { class: "diagnosis" }, ...diagnosis.map(item));
}

const STATES = {
  connected: { tone: "good", text: "Connected" },
  negotiating: { tone: "busy", text: "Connecting" },
  waiting: { tone: "plain", text: "Waiting" },
  answered: { tone: "plain", text: "Answered" }, // and no client reports whether it connected
  stalled: { tone: "bad", text: "No connection" },
};

function pair({ peers, state, stages, diagnosis }) {
  const { tone, text } = STATES[state] ?? { tone: "plain", text: state };
  return element(
    "div",
    { class: "pair", "data-tone": tone, "data-state": state },
    element("h4", {}, peers.join(" ↔ "), " ", element("span", { class: "badge" }, text)),
    findings(diagnosis),
    timeline(stages.map(stage), EVERY_CALL_HAS),
  );
}

function stage({ stage: name, by, seconds_ago: seconds, count }) {
  const who = by ? `by ${by}` : "";
  return { name, detail: count ? `${count} ${who}` : who, when: `${ago(seconds)} ago` };
}

function peer({ peer_id, name, role, address, transport, state, named_by: rule, connected_seconds: seconds }) {
  const here = state === "away" ? "away, may come back" : `connected for ${ago(seconds)}`;
  const label = role === name ? null : role;
  const details = [label, address, transport, here, namedBy(rule)].filter(Boolean).join(" · ");
  return element(
    "li",
    { "data-state": state },
    element("strong", {}, name ?? peer_id),
    " ",
    element("span", {}, details),
  );
}

/** By which of the server's rules (`names:`) a peer got its name; nothing if it brought its own. */
function namedBy(rule) {
  if (rule === undefined || rule === null || rule === "") return null;
  return `named by ${typeof rule === "number" ? `rule ${rule}` : rule}`;
}

/** Callers that never became peers: `code` is in the documents, `text` says why and what to do. */
function refusal({ seconds_ago: seconds, address, code, text, times }) {
  const often = times > 1 ? ` (${times} times)` : "";
  return element(
    "li",
    { "data-code": code },
    element("span", { class: "when" }, `${ago(seconds)} ago`),
    element("span", { class: "where" }, address),
    element("span", {}, `${text}${often}`),
  );
}

function event({ seconds_ago: seconds, room: where, text }) {
  return element(
    "li",
    {},
    element("span", { class: "when" }, `${ago(seconds)} ago`),
    element("span", { class: "where" }, where ?? ""),
    element("span", {}, text),
  );
}

function figures({ server, counters }) {
  const shown = [
    ["Version", server.version],
    ["Uptime", ago(server.uptime_seconds)],
    ...Object.entries(COUNTERS).map(([key, text]) => [text, counters[key] ?? 0]),
  ];
  return shown.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, String(value))),
  );
}

poll();
