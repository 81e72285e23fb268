// The strip of hosts of a fleet, and the rooms that other hosts serve.

import { element } from "./page.js";

const STATES = {
  here: "this host",
  linked: "linked",
  unlinked: "not linked",
  apart: "apart",
};

/** What the page shows of `fleet`: the sentences, the hosts, and the rooms elsewhere, as elements. */
export function show({ warnings, hosts, elsewhere }) {
  return {
    warnings: warnings.map((text) => element("li", {}, text)),
    hosts: hosts.map(host),
    elsewhere: elsewhere.map(room),
  };
}

/** The warnings of the server that are not shown with the fleet. */
export function others(warnings, fleet) {
  const shown = new Set(fleet?.warnings ?? []);
  return warnings.filter((text) => !shown.has(text));
}

function host({ name, url, state, rooms, peers, round_trip_ms: roundTrip }) {
  const details = [
    STATES[state] ?? state,
    `${rooms} ${rooms === 1 ? "room" : "rooms"}`,
    `${peers} ${peers === 1 ? "peer" : "peers"}`,
    typeof roundTrip === "number" ? `${roundTrip.toFixed(1)} ms` : null,
  ];
  return element(
    "li",
    { "data-state": state },
    element("strong", {}, state === "here" ? name : link(url, name)),
    " ",
    element("span", {}, details.filter(Boolean).join(" · ")),
  );
}

function room({ room: name, host: owner, url, peers }) {
  const anchor = `status#room-${encodeURIComponent(name)}`;
  return element(
    "li",
    {},
    element("strong", {}, name),
    " is served by ",
    link(url, owner, anchor),
    `; from here: ${peers.join(", ")}`,
  );
}

/** A link to the page of a host. What hosts tell may be forged: only pages of the web are linked. */
function link(url, text, page = "status") {
  if (!/^https?:\/\//i.test(url ?? "")) return text;
  return element("a", { href: `${url.replace(/\/+$/, "")}/${page}`, rel: "noreferrer" }, text);
}
