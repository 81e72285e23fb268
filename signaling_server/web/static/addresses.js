// The addresses to give to clients: complete URLs as text, to copy, and as QR codes.
//
// What works here is the address under which this page is open, unless that means this machine
// alone; then come the addresses that the server knows of itself.

import { element, morph } from "./page.js";

const HERE = ["localhost", "127.0.0.1", "[::1]", "::1"];
const EVERY_MILLISECONDS = 30_000; // a machine gets another address when it changes its network

const part = (id) => document.getElementById(id);
let known; // the server's answer
let asksAgain;
let authorization = () => ({});
let withToken = () => false;

/** Whether a host name means the machine on which it is used. */
export const meansHere = (host) => HERE.includes(host) || host.startsWith("127.");

/** Where this page's server is for others, the likeliest first: `{url, kind}`. */
export async function places(headers) {
  const response = await fetch("api/addresses", { cache: "no-store", headers });
  const found = response.ok ? await response.json() : { places: [], note: "", qr: false };
  const base = new URL(".", location.href).href;
  const own = { url: base, kind: "as this page", interface: "" };
  const others = found.places.filter(({ url }) => url !== base);
  const list = meansHere(location.hostname) ? others : [own, ...others];
  return { ...found, places: list };
}

/** Show them, and keep them up to date; `headers()` authorizes, `hasToken()` tells if a token is used. */
export async function start(headers, hasToken) {
  [authorization, withToken] = [headers, hasToken];
  clearTimeout(asksAgain);
  try {
    known = await places(authorization());
  } catch {
    known ??= { places: [], note: "", qr: false };
  }
  if (!part("room").value) part("room").value = known.room ?? "default";
  show();
  asksAgain = setTimeout(() => start(authorization, withToken), EVERY_MILLISECONDS);
}

for (const id of ["room", "addresses"]) {
  document.getElementById(id)?.addEventListener(id === "room" ? "input" : "change", () => show());
}

function show() {
  if (!known) return;
  const note = known.places.length ? "" : known.note || "No address is known: ask the administrator of the server.";
  part("addresses").hidden = false;
  part("addresses-note").textContent = note;
  part("addresses-note").hidden = !note;
  const client = document.querySelector("input[name=client]:checked").value;
  const isPage = client === "page"; // a GCOM in the browser
  const query = new URLSearchParams({ room: part("room").value, name: isPage ? "gcom" : client });
  const path = isPage ? "gcom" : "";
  const entries = known.places.map((place) => entry(place, `${place.url}${path}?${query}`));
  if (withToken() && known.places.length) {
    const url = `${known.places[0].url}status`;
    const text = element("span", {}, "This page on a phone, with the token of this page");
    entries.push(element("li", { "data-key": url }, text, element("span", { class: "buttons" }, qrButton(url, true))));
  }
  morph(part("places"), entries);
  const offered = entries.some(({ dataset }) => dataset.key === part("code").dataset.url);
  if (!offered) part("code").hidden = true;
}

function entry({ kind, interface: name }, url) {
  const via = name && name !== kind ? `${kind} (${name})` : kind;
  return element(
    "li",
    { "data-key": url },
    element("span", { class: "via" }, via),
    element("code", { class: "url", tabindex: "0" }, url),
    element("span", { class: "buttons" }, button("Copy", "copy", url), ...(known.qr ? [qrButton(url, false)] : [])),
  );
}

const button = (text, act, url) =>
  element("button", { type: "button", class: "second", "data-act": act, "data-url": url }, text);

function qrButton(url, token) {
  const made = button("QR code", "qr", url);
  if (token) made.dataset.token = "";
  return made;
}

part("places")?.addEventListener("click", async ({ target }) => {
  const { act, url, token } = target.dataset;
  if (act === "copy") await copy(url, target);
  else if (act === "qr") await showCode(url, token !== undefined);
});

async function copy(url, pressed) {
  try {
    await navigator.clipboard.writeText(url);
  } catch {
    getSelection().selectAllChildren(pressed.closest("li").querySelector(".url"));
    document.execCommand("copy"); // the clipboard API requires https; the text stays selected
  }
  part("announcer").textContent = "Copied";
}

/** The QR code of a URL as an image; null if there is none. */
export async function codeOf(url, headers, token = false) {
  const query = new URLSearchParams({ url, ...(token ? { token: "" } : {}) });
  const response = await fetch(`api/qr?${query}`, { headers });
  if (!response.ok) return null;
  const image = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
  image.setAttribute("role", "img");
  image.setAttribute("aria-label", token ? "QR code of this page, with the token" : `QR code of ${url}`);
  return document.adoptNode(image);
}

async function showCode(url, token) {
  const image = await codeOf(url, authorization(), token);
  if (!image) return;
  const text = token ? "It contains the token: show it to nobody else." : url;
  part("code").replaceChildren(image, element("p", {}, text));
  part("code").dataset.url = url;
  part("code").hidden = false;
  part("code").scrollIntoView({ block: "nearest" });
}
