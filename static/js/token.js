// The token of this tab: kept in sessionStorage only, never in an address or a cookie.

const key = (role) => `beeline.token.${role}`;

/** What a JWT says of itself, unverified: for showing a name and choosing a dev token only. */
export function claims(token) {
  try {
    const body = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(body), (c) => c.charCodeAt(0))));
  } catch {
    return {};
  }
}

/** Takes a `#token=` out of the address, which is cleaned at once. Call before anything else. */
export function adoptFragment(role) {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (!token) return;
  fragment.delete('token');
  const rest = fragment.toString();
  history.replaceState(null, '', location.pathname + (rest ? `#${rest}` : ''));
  store(role, token);
}

export function stored(role) {
  return sessionStorage.getItem(key(role));
}

export function store(role, token) {
  sessionStorage.setItem(key(role), token.trim());
}

export function forget(role) {
  sessionStorage.removeItem(key(role));
}

/** Ready tokens of a server in dev mode; null from any other server. */
export async function devTokens() {
  try {
    const response = await fetch('/dev/tokens', { headers: { accept: 'application/json' } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** A dev token for `role` and, for a customer, `subject`; null outside dev mode. */
export async function devTokenFor(role, subject) {
  const tokens = await devTokens();
  if (!tokens) return null;
  if (role === 'operator') return tokens.operator ?? null;
  return tokens.customers?.find((each) => each.customer_id === subject)?.token ?? null;
}
