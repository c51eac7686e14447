// The gateway's real figures as sparklines, from /metrics every 2 s. What cannot be read is said, and
// a stretch without observations is a gap in the line.
import { colours } from './colours.js';
import { $, text } from './dom.js';
import { count, milliseconds } from './format.js';
import { parse, quantile, rate, total } from './metrics.js';

const POLL_MS = 2_000;
const RETRY_MS = 30_000;
const POINTS = 60;
const FIXES = 'beeline_fixes_received_total';
const PUSH = 'beeline_fix_push_seconds';

export class Charts {
  /** `onLive(count|null)` gets the number of drivers with a live position. */
  constructor(onLive) {
    this.onLive = onLive;
    this.before = null;
    this.beforeAt = 0;
    this.failures = 0;
    this.rates = [];
    this.p50 = [];
    this.p99 = [];
    this.#loop();
  }

  async #loop() {
    if (!document.hidden) await this.#poll();
    // A page of another address never answers here: ask seldom then, the console fills otherwise.
    setTimeout(() => this.#loop(), this.failures > 2 ? RETRY_MS : POLL_MS);
  }

  async #poll() {
    let samples;
    const at = performance.now();
    try {
      const response = await fetch('/metrics', { signal: AbortSignal.timeout(5_000) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      samples = parse(await response.text());
    } catch (error) {
      this.failures += 1;
      this.before = null;
      this.#push(null, null, null);
      this.#problem(`The gateway's metrics cannot be read here (${error.message}).`);
      this.onLive(null);
      return;
    }
    this.failures = 0;
    this.#problem(samples.has(FIXES) ? null : 'The gateway has not counted any position yet.');
    const seconds = (at - this.beforeAt) / 1_000;
    this.#push(
      rate(this.before, samples, FIXES, seconds),
      quantile(this.before, samples, PUSH, 0.5),
      quantile(this.before, samples, PUSH, 0.99),
    );
    this.before = samples;
    this.beforeAt = at;
    this.onLive(total(samples, 'beeline_drivers_live'));
  }

  #problem(message) {
    const node = $('#metrics-problem');
    node.hidden = !message;
    text(node, message ?? '');
  }

  #push(perSecond, p50, p99) {
    for (const [series, value] of [[this.rates, perSecond], [this.p50, p50], [this.p99, p99]]) {
      series.push(value);
      if (series.length > POINTS) series.shift();
    }
    text($('#rate-now'), perSecond === null ? '–' : `${count(perSecond)} /s`);
    text($('#latency-now'), p50 === null ? '–' : `${milliseconds(p50)} / ${milliseconds(p99)} ms`);
    this.draw();
  }

  draw() {
    sparkline($('#rate-chart'), [{ values: this.rates, colour: colours.honey, fill: true }]);
    sparkline($('#latency-chart'), [
      { values: this.p99, colour: colours.delivering },
      { values: this.p50, colour: colours.pickup },
    ]);
  }
}

/** Lines on one scale from zero; nulls are gaps. */
function sparkline(canvas, lines) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  const most = Math.max(1e-9, ...lines.flatMap((line) => line.values.map((v) => v ?? 0))) * 1.15;
  const step = width / (POINTS - 1);
  for (const { values, colour, fill } of lines) {
    const offset = POINTS - values.length;
    const y = (value) => height - 1.5 - (value / most) * (height - 4);
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = 1.8;
    ctx.lineJoin = 'round';
    for (const [from, to] of runs(values)) {
      ctx.beginPath();
      for (let i = from; i <= to; i += 1) ctx.lineTo((offset + i) * step, y(values[i]));
      ctx.stroke();
      if (!fill) continue;
      ctx.lineTo((offset + to) * step, height);
      ctx.lineTo((offset + from) * step, height);
      ctx.globalAlpha = 0.18;
      ctx.fill();
      ctx.globalAlpha = 1;
    }
  }
}

function runs(values) {
  const found = [];
  values.forEach((value, i) => {
    if (value === null) return;
    if (i > 0 && values[i - 1] !== null) found[found.length - 1][1] = i;
    else found.push([i, i]);
  });
  return found;
}
