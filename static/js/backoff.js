// What to do after a socket closed: pure, so that it can be tested without a network.

export const FIRST_MS = 300;
export const MAX_MS = 8_000;
/** Failed attempts in a row after which a page should fall back to polling. */
export const POLL_AFTER = 4;

/** Delay before attempt `attempt` (0 = first), 300 ms doubling to 8 s, with +-20 % jitter. */
export function delayMs(attempt, random = Math.random) {
  const base = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(base * (0.8 + 0.4 * random()));
}

/** The `retry_ms=N` of a 1012 close reason, or null. */
export function retryMs(reason) {
  const match = /(?:^|\W)retry_ms=(\d{1,6})(?:\D|$)/.exec(reason ?? '');
  return match ? Number(match[1]) : null;
}

/**
 * The contract's close codes as an instruction:
 * `{action: 'stop'|'token'|'retry', why, afterMs}`; `afterMs` is null where the usual back-off applies.
 */
export function afterClose(code, reason) {
  switch (code) {
    case 4403: return { action: 'stop', why: 'forbidden', afterMs: null };
    case 4409: return { action: 'stop', why: 'replaced', afterMs: null };
    case 4401: return { action: 'token', why: 'token', afterMs: null };
    case 4413: return { action: 'retry', why: 'slow', afterMs: 0 };
    case 4429: return { action: 'retry', why: 'limited', afterMs: MAX_MS };
    case 1012: return { action: 'retry', why: 'restart', afterMs: retryMs(reason) };
    default: return { action: 'retry', why: 'lost', afterMs: null };
  }
}
