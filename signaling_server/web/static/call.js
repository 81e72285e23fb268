// The call test: acts as a Streaming Node or a GCOM in a private room, and shows its progress.
//
// Anyone can make a link to this page. So a link only fills in the form: nothing connects and no
// camera starts before a press on the page, which says where the room comes from.

import { codeOf, meansHere, places } from "./addresses.js";
import { element, morph, setVerdict, timeline } from "./page.js";
import { token as statusToken } from "./token.js";

const library = import("./hawkeye-signaling.js").catch(() => null); // null: a part is missing
const OWN_ROOM = /^probe-[0-9a-f]{32}$/;
const ROLES = ["streaming-node", "gcom"];
const TOKEN = "hawkeye-call-token";
const STEPS = ["server", "both-here", "offer", "answer", "candidates", "connected", "picture"];
const SLOW_SECONDS = 5; // a step that takes longer is reported
const ARM_MILLISECONDS = 500; // a press within this was meant for the page that was here before
const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_SECOND = 25;

/** Random hexadecimal digits. (crypto.randomUUID requires https.) */
function randomHex(digits) {
  const bytes = crypto.getRandomValues(new Uint8Array(digits / 2));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const part = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search); // what the link says
const ownRoom = `probe-${randomHex(32)}`;
let peer;
let role;
let pc; // of the current call
let stages; // name -> {detail, at}
let figures; // of the current call: the last measurement
let startedAt;
let server; // the transport's name; null while there is no connection
let away; // the other side was here, and left
let watching; // the interval of `watch`
let arming; // the timer of `arm`

// --- the form ---------------------------------------------------------------------------------------

function setUp() {
  forgetTokenOfLink();
  part("room").value = asked.get("room") || ownRoom;
  part("room").addEventListener("input", checkRoom);
  checkRoom();
  for (const button of startButtons()) {
    button.classList.toggle("second", ROLES.includes(asked.get("role")) && button.value !== asked.get("role"));
  }
  part("token").value = sessionStorage.getItem(TOKEN) ?? "";
  if (asked.get("room")) {
    part("no-choice").hidden = false;
    part("setup").elements.picture.value = "test";
  }
  if (!navigator.mediaDevices) {
    part("no-choice").hidden = true;
    part("no-camera").hidden = false;
    part("setup").elements.picture.value = "test";
    part("setup").elements.picture[0].disabled = true;
  }
  part("setup").addEventListener("submit", (event) => {
    event.preventDefault();
    start(event.submitter.value);
  });
  part("stop").addEventListener("click", () => location.assign("call"));
  part("copy").addEventListener("click", copyLink);
  part("open").addEventListener("click", (event) => {
    event.preventDefault(); // a window beside this one: a new tab would hide this page
    window.open(part("open").href, "_blank", "popup,noopener,width=520,height=900");
  });
  library.then((found) => {
    part("no-client").hidden = Boolean(found);
    part("setup").hidden ||= !found;
  });
  document.addEventListener("visibilitychange", arm);
  arm();
}

const startButtons = () => part("setup").querySelectorAll("button[value]");

/** The second click of a double click on a page that closes itself must not start anything here. */
function arm() {
  const { activeElement } = document;
  clearTimeout(arming);
  for (const button of startButtons()) button.disabled = true;
  arming = setTimeout(() => {
    for (const button of startButtons()) button.disabled = document.hidden;
    if (part("setup").contains(activeElement)) activeElement.focus(); // a disabled button loses it
  }, ARM_MILLISECONDS);
}

/** A token in a link is somebody else's: it is not used, and does not stay in the history. */
function forgetTokenOfLink() {
  if (!asked.has("token") && !/token|hs_/.test(location.hash)) return;
  asked.delete("token");
  history.replaceState(null, "", `${location.pathname}?${asked}`);
}

function isOwnRoom() {
  return OWN_ROOM.test(part("room").value);
}

/** Say where the room comes from; ask for consent unless it is one for such a test. */
function checkRoom() {
  const room = part("room").value;
  const [source, who] =
    room === asked.get("room")
      ? ["from the link that opened this page", "whoever made the link may be in it"]
      : room === ownRoom
        ? ["made by this page just now", "nobody else knows it yet"]
        : ["as typed here", "whoever knows it may be in it"];
  part("room-help").textContent = `Nothing starts before you press a button. Room ${room}: ${source}; ${who}.`;
  part("other-room").hidden = isOwnRoom();
  part("sure").checked = false;
  part("sure").required = !isOwnRoom();
}

function linkFor(someRole, base = location.href) {
  const link = new URL("call", base);
  link.search = new URLSearchParams({ role: someRole, room: part("room").value });
  return link.href;
}

function showLink() {
  const other = role === "gcom" ? "streaming-node" : "gcom";
  const name = other === "gcom" ? "GCOM" : "the Streaming Node";
  part("link").value = linkFor(other);
  part("open").href = linkFor(other);
  part("link-help").textContent =
    `Open this link, and start it there as ${name}. On one machine, keep the two windows side by side: browsers slow down hidden ones.`;
  showLinkForOthers(other);
}

/** A link that works here may mean another machine elsewhere: tell the one for others, to scan too. */
async function showLinkForOthers(other) {
  const token = statusToken();
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  // Only those who may see the status are told addresses, and the version.
  const { version } = await fetch("healthz", { headers }).then((response) => response.json()).catch(() => ({}));
  const { places: [place] = [], qr } = version ? await places(headers).catch(() => ({})) : {};
  const url = place && linkFor(other, place.url);
  if (url) part("link").value = url;
  part("qr").hidden = !(qr && url);
  part("qr").onclick = async () => part("link-code").replaceChildren((await codeOf(url, headers)) ?? "");
  if (!meansHere(location.hostname)) return;
  part("link-help").textContent += url
    ? " The address in it is the one of this machine for others."
    : ` On another machine, replace ${location.hostname} with this machine's address.`;
}

async function copyLink() {
  part("link").select();
  try {
    await navigator.clipboard.writeText(part("link").value);
  } catch {
    document.execCommand("copy"); // the clipboard API requires https
  }
  part("announcer").textContent = "Copied";
  part("copy").textContent = "Copied";
}

// --- the call ---------------------------------------------------------------------------------------

async function start(chosen) {
  role = chosen;
  const room = part("room").value;
  const token = part("token").value.trim();
  if (token) sessionStorage.setItem(TOKEN, token);
  history.replaceState(null, "", linkFor(role));
  part("setup").hidden = true;
  part("run").hidden = false;
  showLink();
  startedAt = performance.now();
  stages = new Map();
  server = null;
  // In a shared room it has no name, so that it cannot take over another peer's.
  const name = isOwnRoom() ? role : undefined;
  const stream = role === "gcom" ? null : await picture();
  if (stream) part("video").srcObject = stream;
  const path = new URL(document.documentElement.dataset.socketioPath, document.baseURI).pathname;
  const options = { path, room, role, name, token };
  const { GCOM, StreamingNode } = await library;
  peer = stream
    ? new StreamingNode(location.origin, stream, options)
    : new GCOM(location.origin, options);
  for (const [event, act] of Object.entries(acts)) {
    peer.addEventListener(event, ({ detail }) => {
      act(detail);
      if (event !== "refused") show();
    });
  }
  watching = setInterval(show, 1000);
  show();
}

const acts = {
  server({ transport }) {
    server = transport;
    if (server) reach("server", server);
  },
  refused: refuse,
  call(call) {
    pc = call.pc;
    figures = undefined;
    away = null;
    for (const name of STEPS.slice(2)) stages.delete(name);
  },
  step({ step, detail }) {
    reach(step, detail);
  },
  stream({ stream }) {
    part("video").srcObject = stream;
  },
  peer_joined(joined) {
    away = null;
    reach("both-here", joined.peer_id);
  },
  peer_left(left) {
    away = left.peer_id;
  },
  figures(measured) {
    figures = measured;
    if (figures.frames > 0) reach("picture", `${figures.width} × ${figures.height}`);
    showFigures();
  },
};

function reach(name, detail) {
  const at = stages.get(name)?.at ?? performance.now();
  stages.set(name, { detail, at });
}

/** The server has refused this page for good; retrying would not help. */
function refuse({ code, message }) {
  peer.close();
  clearInterval(watching);
  setVerdict("bad", code === "replaced" ? "Another page has taken over this role" : `Refused: ${message}`);
  if (code !== "unauthorized") return;
  sessionStorage.removeItem(TOKEN);
  part("run").hidden = true;
  part("setup").hidden = false;
  part("token-field").hidden = false;
  part("token").value = "";
  part("token").focus();
}

/** The camera's stream, or that of a moving test picture if there is no camera. */
async function picture() {
  if (part("setup").elements.picture.value === "camera") {
    try {
      return await navigator.mediaDevices.getUserMedia({ video: true });
    } catch (error) {
      part("picture-note").textContent = `No camera (${error.message}): sending a test picture instead.`;
    }
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  draw(canvas);
  setInterval(() => draw(canvas), 1000 / FRAMES_PER_SECOND);
  return canvas.captureStream(FRAMES_PER_SECOND);
}

/** A moving colour bar and a clock: two screens side by side show the delay. */
function draw(canvas) {
  const context = canvas.getContext("2d");
  const now = new Date();
  const turn = (now.getTime() % 4000) / 4000;
  context.fillStyle = "#10202e";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = `hsl(${360 * turn} 80% 55%)`;
  context.fillRect(turn * WIDTH - 60, 0, 60, HEIGHT);
  context.fillStyle = "#ffffff";
  context.textAlign = "center";
  context.font = "bold 84px monospace";
  context.fillText(now.toTimeString().slice(0, 8), WIDTH / 2, HEIGHT / 2 + 10);
  context.font = "bold 36px monospace";
  context.fillText(`.${String(now.getMilliseconds()).padStart(3, "0")}`, WIDTH / 2, HEIGHT / 2 + 70);
}

// --- showing ----------------------------------------------------------------------------------------

const unlessUnknown = (value, write) => (value === undefined ? undefined : write(value));

function showFigures() {
  const { frames, frameRate, bitrate, roundTrip, pair } = figures;
  const shown = [
    ["Frames", frames],
    ["Frames per second", unlessUnknown(frameRate, (rate) => rate.toFixed(0))],
    ["Bitrate", unlessUnknown(bitrate, (rate) => `${(rate / 1e6).toFixed(2)} Mbit/s`)],
    ["Round-trip time", unlessUnknown(roundTrip, (time) => `${(1000 * time).toFixed(0)} ms`)],
    ["Local candidate", pair && candidate(pair.local)],
    ["Remote candidate", pair && candidate(pair.remote)],
  ];
  const figure = ([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, String(value ?? "–")));
  part("figures").dataset.frames = frames ?? 0;
  morph(part("figures"), shown.map(figure));
}

function candidate({ type, protocol, address }) {
  return [type, protocol, address].filter(Boolean).join(" ");
}

function show() {
  const reached = [...stages].map(([name, { detail, at }]) => ({
    name,
    detail,
    when: `${((at - startedAt) / 1000).toFixed(2)} s`,
  }));
  reached.sort((a, b) => STEPS.indexOf(a.name) - STEPS.indexOf(b.name));
  morph(part("stages"), [timeline(reached, STEPS)]);
  const { tone, text } = verdict();
  part("stages").dataset.tone = tone;
  setVerdict(tone, text);
}

/** The progress of the call in one line. */
function verdict() {
  const me = role === "gcom" ? "GCOM" : "Streaming Node";
  const since = (name) => (performance.now() - stages.get(name).at) / 1000;
  const slow = (name) => since(name) > SLOW_SECONDS;
  if (pc?.connectionState === "connected") {
    if (!stages.has("picture")) return { tone: "busy", text: "Connected, waiting for the picture" };
    if (figures?.frameRate <= 0) return { tone: "bad", text: "Connected, but the picture is frozen" };
    const lost = server ? "" : " (the server is not responding; the call continues without it)";
    return { tone: "good", text: `Video is flowing${lost}` };
  }
  if (!server) return { tone: "bad", text: "No connection to the server. Retrying." };
  if (away) return { tone: "plain", text: `${away} has left. Waiting for it to come back.` };
  if (!stages.has("both-here")) return { tone: "plain", text: `${me}: waiting for the other side` };
  if (pc?.connectionState === "failed" || (stages.has("answer") && slow("answer"))) {
    const text = "Signaling works, but the two sides cannot reach each other (firewall, or different networks without TURN)";
    return { tone: "bad", text };
  }
  if (stages.has("offer") && !stages.has("answer") && slow("offer")) {
    return { tone: "bad", text: "The other side has not answered the offer" };
  }
  if (!stages.has("offer") && slow("both-here")) {
    return { tone: "bad", text: "The other side has not sent an offer: is it a Streaming Node?" };
  }
  return { tone: "busy", text: "Connecting …" };
}

setUp();
