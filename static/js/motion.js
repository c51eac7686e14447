// Smooth movement of one marker from irregular fixes. Pure: the caller brings the clock.
//
// The marker is drawn a little in the past, 1.2 report intervals behind the newest fix, so that it
// can glide between two positions that are both known. It never guesses ahead and never goes back:
// when fixes stop it holds, and after 12 s of silence it says that it is stale.

export const LAG_INTERVALS = 1.2;
export const STALE_MS = 12_000;
export const GAP_M = 150;
const KEEP_FIXES = 32;
const KEEP_LAGS = 12;
const DEFAULT_INTERVAL_MS = 1_000;
const INTERVAL_RANGE_MS = [200, 15_000];
/** How fast the drawn time may drift against real time while the lag is being corrected. */
const SLEW = 0.1;
/** Corrections above this are jumps: a hidden tab came back, or a clock was set. */
const SLEW_MAX_MS = 4_000;
/** Movement under this says nothing about direction. */
const TURN_MIN_M = 3;

/** Metres between two {latitude, longitude}: equirectangular, fine below a few kilometres. */
export function metresBetween(a, b) {
  const radians = Math.PI / 180;
  const x = (b.longitude - a.longitude) * radians * Math.cos(((a.latitude + b.latitude) / 2) * radians);
  const y = (b.latitude - a.latitude) * radians;
  return Math.hypot(x, y) * 6_371_008.8;
}

/** Degrees clockwise from north, from a to b. */
export function bearing(a, b) {
  const radians = Math.PI / 180;
  const x = (b.longitude - a.longitude) * Math.cos(((a.latitude + b.latitude) / 2) * radians);
  const y = b.latitude - a.latitude;
  return (Math.atan2(x, y) / radians + 360) % 360;
}

/** From a to b the short way round, t in 0..1. */
export function turn(a, b, t) {
  const delta = ((b - a + 540) % 360) - 180;
  return (a + delta * t + 360) % 360;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

export class Track {
  /** `trail`: how many past positions to keep for a dotted line, 0 for none. */
  constructor({ trail = 0 } = {}) {
    this.fixes = [];
    this.lags = [];
    this.trailLimit = trail;
    this.passed = [];
    this.offset = null;
    this.drawn = -Infinity;
    this.sampledAt = null;
    this.arrivedAt = null;
    this.arrivedAge = 0;
  }

  get newest() {
    return this.fixes[this.fixes.length - 1] ?? null;
  }

  /** Takes a fix `{latitude, longitude, heading, t, ageMs}`; false if it is not newer than the last. */
  push(fix, now) {
    const last = this.newest;
    if (last && fix.t <= last.t) return false;
    const heading = fix.heading ?? (last && metresBetween(last, fix) > TURN_MIN_M ? bearing(last, fix) : last?.heading ?? null);
    this.fixes.push({ latitude: fix.latitude, longitude: fix.longitude, t: fix.t, heading });
    if (this.fixes.length > KEEP_FIXES) this.#retire(this.fixes.length - KEEP_FIXES);
    this.lags.push(now - fix.t);
    if (this.lags.length > KEEP_LAGS) this.lags.shift();
    this.arrivedAt = now;
    this.arrivedAge = Math.max(0, fix.ageMs ?? 0);
    return true;
  }

  /** The report interval as seen from here, in milliseconds. */
  intervalMs() {
    const gaps = [];
    for (let i = Math.max(1, this.fixes.length - 6); i < this.fixes.length; i += 1) {
      gaps.push(this.fixes[i].t - this.fixes[i - 1].t);
    }
    if (!gaps.length) return DEFAULT_INTERVAL_MS;
    return Math.min(INTERVAL_RANGE_MS[1], Math.max(INTERVAL_RANGE_MS[0], median(gaps)));
  }

  /** Milliseconds since the newest position was true. */
  ageMs(now) {
    return this.arrivedAt === null ? Infinity : now - this.arrivedAt + this.arrivedAge;
  }

  /**
   * Where to draw at `now`: `{latitude, longitude, heading, alpha, ageMs, stale}` or null before the
   * first fix. `snap` draws the newest fix itself (reduced motion).
   */
  sample(now, snap = false) {
    if (!this.fixes.length) return null;
    const ageMs = this.ageMs(now);
    const status = { ageMs, stale: ageMs > STALE_MS };
    if (snap) {
      this.#retire(this.fixes.length - 1);
      return { ...this.newest, alpha: 1, ...status };
    }
    const at = this.#playTime(now);
    let i = 0;
    while (i + 1 < this.fixes.length && this.fixes[i + 1].t <= at) i += 1;
    if (i > 0) this.#retire(i);
    return { ...this.#between(at), ...status };
  }

  /** Positions already passed, oldest first, for the dotted line. */
  trail() {
    return this.passed;
  }

  #retire(count) {
    const gone = this.fixes.splice(0, count);
    if (!this.trailLimit) return;
    for (const fix of gone) {
      const last = this.passed[this.passed.length - 1];
      const hop = last ? metresBetween(last, fix) : 0;
      // A gap breaks the line rather than drawing a street nobody drove.
      if (!last || hop > 2) this.passed.push({ ...fix, breakBefore: hop > GAP_M });
    }
    this.passed.splice(0, Math.max(0, this.passed.length - this.trailLimit));
  }

  #playTime(now) {
    const baseline = Math.min(...this.lags);
    const jitter = Math.max(...this.lags) - baseline;
    const interval = this.intervalMs();
    // 1.2 intervals is the least; a jerky link needs its jitter on top or the marker would stutter.
    const wanted = baseline + Math.max(LAG_INTERVALS * interval, interval + Math.min(jitter, 2 * interval));
    const step = this.sampledAt === null ? 0 : now - this.sampledAt;
    this.sampledAt = now;
    const error = this.offset === null ? 0 : wanted - this.offset;
    if (this.offset === null || Math.abs(error) > SLEW_MAX_MS || step > 1_000) this.offset = wanted;
    else this.offset += Math.sign(error) * Math.min(Math.abs(error), SLEW * step);
    this.drawn = Math.max(this.drawn, now - this.offset);
    return this.drawn;
  }

  #between(at) {
    const [a, b] = this.fixes;
    if (!b || at <= a.t) return { ...a, alpha: 1 };
    const f = Math.min(1, (at - a.t) / (b.t - a.t));
    const heading = a.heading === null || b.heading === null ? b.heading ?? a.heading : turn(a.heading, b.heading, f);
    if (metresBetween(a, b) > GAP_M) {
      // Out at the old place, in at the new one: nobody saw what lay between.
      const here = f < 0.5 ? a : b;
      return { latitude: here.latitude, longitude: here.longitude, heading: here.heading, alpha: Math.abs(2 * f - 1) };
    }
    return {
      latitude: a.latitude + (b.latitude - a.latitude) * f,
      longitude: a.longitude + (b.longitude - a.longitude) * f,
      heading,
      alpha: 1,
    };
  }
}
