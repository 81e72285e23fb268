// The status page: fetches /api/status every second and shows the answer.
//
// Text from clients (names, roles, rooms) is set as text or attributes, never as HTML.

import * as addresses from "./addresses.js";
import * as fleet from "./fleet.js";
import { advice, clockWarning, verdict } from "./headline.js";
import { ago, element, morph } from "./page.js";
import * as rooms from "./rooms.js";
import * as tokens from "./token.js";

const EVERY_MILLISECONDS = 1000;
const PATIENCE_MILLISECONDS = 5000; // without an answer for this long, a request has failed
const FIRST_EVENTS = 12;
const NOT_FOR_STATUS = "insufficient_scope";
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
let showsAddresses = false;

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

function authorization() {
  const token = tokens.token();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Fetch the status once; throws unless the server answers with it. */
async function ask() {
  const headers = authorization();
  const response = await fetch("api/status", {
    cache: "no-store",
    headers,
    signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
  });
  if (response.status === 401) {
    askForToken(headers.Authorization ? await refusal(response) : "");
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

/** Why a token was refused. */
async function refusal(response) {
  const { code, error } = await response.json().catch(() => ({}));
  if (code === NOT_FOR_STATUS) {
    return "This token is good, but may not see the status: that takes one with can: [status].";
  }
  return error === "the token has expired" ? "This token has expired." : "This token is not accepted.";
}

function askForToken(complaint) {
  tokens.forget();
  part("token-wrong").textContent = complaint;
  part("status").hidden = true;
  part("token-form").hidden = false;
  setVerdict({ tone: "plain", text: "Token required" });
  part("token").focus();
}

part("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tokens.keep(part("token").value.trim(), part("remember").checked);
  part("token").value = "";
  part("token-form").hidden = true;
  poll();
});

part("forget").addEventListener("click", () => {
  tokens.forget();
  poll();
});

part("more").addEventListener("click", () => {
  showsAll = true;
  show(newest);
});

part("filter").addEventListener("input", () => show(newest));
part("filter-form").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("visibilitychange", poll);

/** Open the room that a link leads to, before the browser goes there. */
document.addEventListener("click", ({ target }) => {
  const href = target.closest?.("a")?.getAttribute("href");
  if (!href?.startsWith("#room-") || !newest) return;
  part("filter").value = "";
  rooms.openRoom(decodeURIComponent(href.slice(1)));
  show(newest);
});
for (const id of ["rooms", "former"]) {
  part(id).addEventListener("toggle", () => show(newest), true); // its content is made when it opens
}

window.addEventListener("hashchange", () => {
  if (tokens.takeFromLink()) {
    part("token-form").hidden = true;
    poll();
  }
});

// --- showing ----------------------------------------------------------------------------------------

function show(status) {
  document.body.classList.remove("stale");
  const found = verdict(status);
  setVerdict(found);
  showFleet(status.fleet);
  showWarnings(status);
  showRefusals(status.refusals ?? []); // older servers have none
  morph(part("general"), (status.diagnosis ?? []).map(rooms.finding)); // of clients in no room
  showIceServers(status.ice_servers ?? []);
  showRooms(status, found.room);
  const events = showsAll ? status.events : status.events.slice(0, FIRST_EVENTS);
  morph(part("events"), events.map(event));
  part("more").hidden = events.length === status.events.length;
  part("more").textContent = `Show all ${status.events.length} events`;
  morph(part("server"), figures(status));
  part("forget").hidden = !tokens.token();
  part("status").hidden = false;
  if (showsAddresses) return;
  showsAddresses = true;
  addresses.start(authorization, () => Boolean(tokens.token()));
}

/** `hosts` is null on a server without a fleet. */
function showFleet(hosts) {
  const shown = hosts ? fleet.show(hosts) : { warnings: [], hosts: [], elsewhere: [] };
  part("fleet-title").hidden = !hosts;
  morph(part("fleet-warnings"), shown.warnings);
  morph(part("hosts"), shown.hosts);
  part("elsewhere-title").hidden = shown.elsewhere.length === 0;
  morph(part("elsewhere"), shown.elsewhere);
}

function showWarnings({ server: { warnings, time }, fleet: hosts }) {
  const shown = [...fleet.others(warnings, hosts).map((text) => element("li", {}, text)), clockWarning(time)].filter(Boolean);
  part("warnings-title").hidden = shown.length === 0;
  morph(part("warnings"), shown);
}

function showRefusals(refusals) {
  part("refusals-title").hidden = refusals.length === 0;
  morph(part("refusals"), refusals.map(refused));
}

/** Whether the servers that clients get answer; `text` follows the URL in a sentence. */
function showIceServers(servers) {
  part("ice-title").hidden = servers.length === 0;
  const shown = servers.map(({ url, state, text, rtt_ms: roundTrip }) =>
    element(
      "li",
      { "data-state": state === "silent" ? "away" : state },
      element("strong", {}, url),
      element("span", {}, ` ${text}${roundTrip === undefined ? "" : `, ${roundTrip.toFixed(0)} ms`}`),
    ),
  );
  morph(part("ice"), shown);
}

function showRooms({ rooms: found, former_rooms: former = [], fleet: hosts }, worst) {
  const { elements, sentence } = rooms.show(found, part("filter").value, worst);
  part("filter-form").hidden = !rooms.needsFilter(found);
  part("found").textContent = sentence;
  morph(part("rooms"), found.length || hosts?.elsewhere.length ? elements : [nobody()]);
  part("former-title").hidden = former.length === 0;
  morph(part("former"), former.map(rooms.former));
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

let announced;

function setVerdict(found) {
  const { tone, text, announce = text, key = announce } = found;
  part("live").hidden = false;
  part("verdict").textContent = text;
  part("verdict").dataset.tone = tone;
  morph(part("advice"), advice(found));
  document.title = `${text} – Hawkeye signaling`;
  if (announced === key) return;
  announced = key;
  part("announcer").textContent = announce;
}

function nobody() {
  return element(
    "p",
    { class: "card" },
    "Neither a Streaming Node nor GCOM is connected to this server. Give both ",
    element("a", { href: "#addresses" }, "the address below"),
    ".",
  );
}

/** Callers that never became peers: `code` is in the documents, `text` says why and what to do. */
function refused({ seconds_ago: seconds, address, code, text, times }) {
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

part("live").hidden = false;
tokens.takeFromLink();
poll();
