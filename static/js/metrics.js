// The gateway's own figures out of /metrics. Pure: text in, numbers out, and null where there is
// nothing to say. A figure is never made up or carried over.

/** Samples of a Prometheus text page: `Map(name -> [{labels: {..}, value}])`. */
export function parse(text) {
  const samples = new Map();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!match) continue;
    const value = Number(match[3]);
    if (Number.isNaN(value) && match[3] !== 'NaN') continue;
    const labels = {};
    for (const [, key, text] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = text;
    if (!samples.has(match[1])) samples.set(match[1], []);
    samples.get(match[1]).push({ labels, value });
  }
  return samples;
}

/** Sum over all label sets of a name, or of those where `match` holds; null where it is absent. */
export function total(samples, name, match = {}) {
  const rows = (samples.get(name) ?? []).filter((row) => Object.entries(match).every(([k, v]) => row.labels[k] === v));
  return rows.length ? rows.reduce((sum, row) => sum + row.value, 0) : null;
}

/** Growth per second between two pages; null without both, or after a restart of the server. */
export function rate(before, after, name, seconds) {
  const a = before && total(before, name);
  const b = total(after, name);
  if (a === null || a === undefined || b === null || !(seconds > 0) || b < a) return null;
  return (b - a) / seconds;
}

function buckets(samples, name) {
  const byBound = new Map();
  for (const { labels, value } of samples?.get(`${name}_bucket`) ?? []) {
    const bound = labels.le === '+Inf' ? Infinity : Number(labels.le);
    byBound.set(bound, (byBound.get(bound) ?? 0) + value);
  }
  return [...byBound].sort((a, b) => a[0] - b[0]);
}

/**
 * Quantile `q` of what was observed between two pages, in the histogram's unit, interpolated inside
 * its bucket as Prometheus does; null where nothing was observed.
 */
export function quantile(before, after, name, q) {
  const old = new Map(buckets(before, name));
  const grown = buckets(after, name).map(([bound, value]) => [bound, value - (old.get(bound) ?? 0)]);
  const all = grown.length ? grown[grown.length - 1][1] : 0;
  if (!before || !(all > 0)) return null;
  const rank = q * all;
  let low = 0;
  let below = 0;
  for (const [bound, cumulative] of grown) {
    if (cumulative >= rank) {
      if (bound === Infinity) return low;
      return cumulative === below ? bound : low + (bound - low) * ((rank - below) / (cumulative - below));
    }
    low = bound;
    below = cumulative;
  }
  return null;
}
