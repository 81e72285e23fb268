// Shared by the pages: creating elements, updating them in place, and the timeline.

/** An element; children are elements or text. */
export function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * Make the children of `parent` equal to `wanted`, changing only what differs. The focus, a selection
 * and a screen reader's position survive, although the page updates every second. An element with a
 * `data-key` stays the same element when its place among the others changes.
 */
export function morph(parent, wanted) {
  const focused = document.activeElement;
  update(parent, wanted);
  // To move an element takes the focus from what is in it.
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

function update(parent, wanted) {
  const children = [...wanted]; // a copy: a list of childNodes shrinks when one is moved
  for (const [index, next] of children.entries()) {
    const old = withKey(parent, index, next.dataset?.key);
    if (!old) parent.append(next);
    else if (old.nodeName !== next.nodeName) old.replaceWith(next);
    else if (next.nodeType === Node.TEXT_NODE) {
      if (old.data !== next.data) old.data = next.data;
    } else {
      for (const { name } of [...old.attributes]) {
        if (!next.hasAttribute(name)) old.removeAttribute(name);
      }
      for (const { name, value } of next.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      }
      update(old, next.childNodes);
    }
  }
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

/** The child to become the one at `index`: the one with this key, if there is one, moved there. */
function withKey(parent, index, key) {
  const old = parent.childNodes[index];
  if (key === undefined || !old || old.dataset?.key === key) return old;
  const kept = [...parent.children].find((child) => child.dataset.key === key);
  if (kept) parent.insertBefore(kept, old);
  return kept ?? old;
}

/** "8 s", "3 min", "2 h", "5 d". */
export function ago(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}

/** A negotiation: the stages reached, `{name, detail, when}`, then those still `expected`. */
export function timeline(stages, expected) {
  const reached = new Set(stages.map(({ name }) => name));
  const missing = expected.filter((name) => !reached.has(name));
  return element(
    "ol",
    { class: "timeline" },
    ...stages.map(({ name, detail, when }) => stage("reached", name, detail, when)),
    ...missing.map((name, index) => stage(index ? "later" : "next", name, "", "not yet")),
  );
}

function stage(progress, name, detail, when) {
  return element(
    "li",
    { class: progress },
    element("strong", {}, name.replace("-", " ")),
    element("span", { class: "when" }, when),
    element("span", { class: "detail" }, detail),
  );
}

/** The page's state in one line: shown, announced to screen readers when it changes, and the title. */
export function setVerdict(tone, text) {
  const verdict = document.getElementById("verdict");
  verdict.dataset.tone = tone;
  if (verdict.textContent === text) return;
  verdict.textContent = text;
  document.getElementById("announcer").textContent = text;
  document.title = `${text} – Hawkeye signaling`;
}
