// A GCOM in the browser: joins a room when the operator presses Watch, and shows the video of every
// Streaming Node in it. It needs no https, because it only receives.

import { element, setVerdict } from "./page.js";

const TOKEN = "hawkeye-gcom-token";
const STATES = {
  new: "connecting",
  connecting: "connecting",
  connected: "connected",
  disconnected: "reconnecting",
  failed: "reconnecting: no packets get through",
  closed: "ended",
};

const part = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const tiles = new Map(); // peer_id -> Tile
let gcom;
let transport; // "websocket" or "polling"; null while there is no connection to the server
let wakeLock;
let pairingCode; // of the link; a press on Watch trades it for a token
let starting = false; // a second press of Watch on a slow link starts no second GCOM

// --- the form -------------------------------------------------------------------------------------

async function setUp() {
  takeSecretsOfLink();
  part("room").value = asked.get("room") ?? "";
  part("name").value = asked.get("name") ?? "gcom";
  part("token").value = sessionStorage.getItem(TOKEN) ?? localStorage.getItem(TOKEN) ?? "";
  part("token-field").hidden = !part("token").value || Boolean(pairingCode);
  part("setup").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (starting) return;
    starting = true;
    try {
      await watch();
    } finally {
      starting = false;
    }
  });
  part("leave").addEventListener("click", () => location.reload());
  document.addEventListener("visibilitychange", keepScreenOn); // a hidden page loses its wake lock
  part("room").addEventListener("input", showCompany);
  showCompany();
}

/** The fragment never reaches a server; its secrets do not stay in the address bar either. */
function takeSecretsOfLink() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  pairingCode = fragment.get("pair");
  if (!token && !pairingCode) return;
  if (token) sessionStorage.setItem(TOKEN, token);
  part("pairing").hidden = !pairingCode;
  part("authority").textContent = fragment.get("ca") ?? "";
  part("authority-field").hidden = !fragment.get("ca");
  history.replaceState(null, "", location.pathname + location.search);
}

/** Trade the code for a token of this device; false: the operator has to decide, or to read. */
async function pair() {
  const body = JSON.stringify({ code: pairingCode });
  let answer;
  try {
    const response = await fetch("api/pair", { method: "POST", body });
    answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
  } catch (error) {
    setVerdict("bad", `Not paired: ${error.message}`);
    return false;
  }
  pairingCode = null;
  localStorage.setItem(TOKEN, answer.token);
  part("token").value = answer.token;
  part("pairing").hidden = true;
  part("name").value = answer.name;
  part("room").value = answer.room ?? part("room").value;
  if (!answer.present) return true;
  part("company").textContent = `${answer.name} is there already. To take its place, press Watch again.`;
  setVerdict("plain", "This device is paired");
  return false;
}

/** Show who is in the room, if this page may read the status. It does not join to find out. */
async function showCompany() {
  const room = part("room").value;
  const token = part("token").value;
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let text = "";
  try {
    const response = await fetch("api/status", { headers });
    if (response.ok) {
      const { rooms } = await response.json();
      const peers = rooms.find((one) => one.room === room)?.peers ?? [];
      const present = peers.filter(({ state }) => state === "present").map(({ peer_id: id }) => id);
      if (present.length) text = `In room ${room} now: ${present.join(", ")}.`;
      else if (room) text = `Nobody is in room ${room} now: the video starts when a Streaming Node joins.`;
      if (present.includes(part("name").value)) {
        text += ` Watching as ${part("name").value} takes over from the one that is there.`;
      }
    } else if (response.status === 401) {
      part("token-field").hidden = false;
    }
  } catch {
    text = "The server is not responding.";
  }
  if (part("room").value === room) part("company").textContent = text; // no later answer has come
}

// --- the video ------------------------------------------------------------------------------------

async function watch() {
  if (pairingCode && !(await pair())) return;
  let module;
  try {
    module = await import("./hawkeye-signaling.js");
  } catch {
    part("no-client").hidden = false;
    return;
  }
  const token = part("token").value.trim() || undefined;
  if (token) sessionStorage.setItem(TOKEN, token);
  const room = part("room").value || undefined;
  const name = part("name").value || undefined;
  const path = new URL(document.documentElement.dataset.socketioPath, document.baseURI).pathname;
  gcom = new module.GCOM(location.origin, { path, room, name, role: "gcom", token });
  for (const [event, act] of Object.entries(acts)) {
    gcom.addEventListener(event, ({ detail }) => {
      act(detail);
      show();
    });
  }
  part("setup").hidden = true;
  part("run").hidden = false;
  keepScreenOn();
  show();
}

const acts = {
  server(detail) {
    transport = detail.transport;
  },
  refused({ code, message }) {
    gcom.close();
    gcom = null;
    for (const tile of tiles.values()) tile.remove();
    tiles.clear();
    part("run").hidden = true;
    part("setup").hidden = false;
    const text = code === "replaced" ? "Another GCOM has taken over this name" : `Refused: ${message}`;
    setVerdict("bad", text);
    if (code !== "unauthorized") return;
    sessionStorage.removeItem(TOKEN);
    localStorage.removeItem(TOKEN);
    part("token-field").hidden = false;
    part("token").value = "";
    part("token").focus();
  },
  trouble({ code, message }) {
    if (code && code !== "replaced") part("trouble").textContent = `The server says: ${message}`;
  },
  call({ peerId }) {
    part("trouble").textContent = "";
    tile(peerId).begin();
  },
  state({ peerId, state }) {
    tile(peerId).say(STATES[state], { connected: "good", failed: "bad" }[state] ?? "busy");
  },
  stream({ peerId, stream }) {
    tile(peerId).play(stream);
  },
  figures(figures) {
    tile(figures.peerId).showFigures(figures);
  },
  stale({ peerId, seconds }) {
    tile(peerId).setStale(seconds);
  },
  live({ peerId }) {
    tile(peerId).setStale(0);
  },
  peer_left({ peer_id: peerId }) {
    tiles.get(peerId)?.say("has left", "bad"); // its video may well continue
  },
};

/** The tile of a peer: a node, since only nodes offer. */
function tile(peerId) {
  if (!tiles.has(peerId)) tiles.set(peerId, new Tile(peerId));
  return tiles.get(peerId);
}

/** One node's video, its state in words and its figures. */
class Tile {
  constructor(peerId) {
    this.peerId = peerId;
    this.video = element("video", { playsinline: "", "aria-label": `Video of ${peerId}` });
    this.video.muted = true; // browsers start no sound unasked, and neither does this page
    this.video.autoplay = true;
    this.state = element("p", { class: "state" });
    this.figures = element("p", { class: "when" });
    this.sound = button("Sound on", () => this.#toggleSound());
    const buttons = [this.sound, button("Full screen", () => this.#fullScreen()), button("Snapshot", () => this.#snapshot())];
    this.element = element(
      "li",
      { class: "card tile" },
      element("h2", {}, peerId),
      this.video,
      this.state,
      this.figures,
      element("div", { class: "buttons" }, ...buttons),
    );
    part("tiles").append(this.element);
  }

  remove() {
    this.element.remove();
  }

  say(text, tone) {
    if (this.stale) return; // that no frame comes is the worse news
    this.words = text;
    this.state.textContent = text;
    this.element.dataset.tone = tone;
  }

  /** A new call: the picture of the older one stays, grey, until there is a new one. */
  begin() {
    this.stale = false;
    this.seen = false;
    this.element.toggleAttribute("data-stale", Boolean(this.video.srcObject));
    this.say("connecting", "busy");
  }

  play(stream) {
    this.element.toggleAttribute("data-stale", false);
    this.video.srcObject = stream;
    this.video.play().catch(() => {}); // a newer stream has come
  }

  setStale(seconds) {
    const before = this.stale;
    this.stale = seconds > 0 && this.seen;
    this.element.toggleAttribute("data-stale", this.stale);
    if (this.stale) {
      this.element.dataset.tone = "bad";
      this.state.textContent = `Not live: the picture is ${seconds.toFixed(0)} s old`;
    } else if (before) {
      this.say(this.words, "good");
    }
  }

  showFigures({ frames, frameRate, bitrate, roundTrip, width, height }) {
    this.seen ||= frames > 0;
    const known = [
      width && `${width} × ${height}`,
      frameRate !== undefined && `${frameRate.toFixed(0)} frames/s`,
      bitrate !== undefined && `${(bitrate / 1e6).toFixed(2)} Mbit/s`,
      roundTrip !== undefined && `round trip ${(1000 * roundTrip).toFixed(0)} ms`,
    ];
    this.figures.textContent = known.filter(Boolean).join(", ");
    this.element.dataset.frames = frames ?? 0;
  }

  #toggleSound() {
    this.video.muted = !this.video.muted;
    this.sound.textContent = this.video.muted ? "Sound on" : "Sound off";
  }

  #fullScreen() {
    const { video } = this;
    if (video.requestFullscreen) video.requestFullscreen();
    else video.webkitEnterFullscreen?.(); // iPhones
  }

  #snapshot() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    const canvas = element("canvas", { width, height });
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    const time = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "");
    element("a", { href: canvas.toDataURL("image/png"), download: `${this.peerId}-${time}.png` }).click();
  }
}

function button(text, act) {
  const made = element("button", { type: "button", class: "second" }, text);
  made.addEventListener("click", act);
  return made;
}

async function keepScreenOn() {
  if (!gcom || document.hidden) return;
  try {
    wakeLock = await navigator.wakeLock.request("screen");
  } catch {
    wakeLock = null; // an old browser, or a page on plain http
  }
  part("wake").hidden = Boolean(wakeLock);
}

function show() {
  if (!gcom) return;
  const shown = [...tiles.values()];
  const live = shown.filter(({ element: { dataset } }) => dataset.tone === "good").length;
  const lost = transport ? "" : " (the server is not responding; the video does not need it)";
  if (live) setVerdict("good", `Video of ${live} of ${shown.length}${lost}`);
  else if (!transport) setVerdict("bad", "No connection to the server. Retrying.");
  else if (shown.length) setVerdict("busy", "Connecting …");
  else setVerdict("plain", "Waiting for a Streaming Node");
}

setUp();
