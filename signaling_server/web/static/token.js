// The token with which the status page asks: for this tab, or remembered on this device.
//
// A link may bring one in its fragment (`status#token=...`), for phones, which cannot type it. No
// browser sends a fragment, and it does not stay in the address bar or the history.

const KEY = "hawkeye-status-token";

export const token = () => sessionStorage.getItem(KEY) ?? stored()?.getItem(KEY) ?? null;

export const isRemembered = () => Boolean(stored()?.getItem(KEY));

/** Use a token from now on; with `remember`, also after this tab is closed. */
export function keep(text, remember) {
  sessionStorage.setItem(KEY, text);
  if (remember) stored()?.setItem(KEY, text);
}

export function forget() {
  sessionStorage.removeItem(KEY);
  stored()?.removeItem(KEY);
}

/** Take the token of the link that opened this page, if it brings one; true if it does. */
export function takeFromLink() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const brought = fragment.get("token")?.trim();
  if (!fragment.has("token")) return false;
  history.replaceState(null, "", `${location.pathname}${location.search}`);
  if (brought) keep(brought, false);
  return Boolean(brought);
}

/** A browser may forbid it, as in a private window. */
function stored() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
