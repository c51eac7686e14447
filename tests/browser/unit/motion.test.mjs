import assert from 'node:assert/strict';
import test from 'node:test';
import { bearing, metresBetween, Track, turn } from '../../../static/js/motion.js';

const NORTH_M = 1 / 111_195;
const START = 1_800_000_000_000;
/** A fix `metres` north of a point in Florence, taken at `t` ms. */
const fix = (metres, t, more = {}) => ({ latitude: 43.77 + metres * NORTH_M, longitude: 11.25, heading: 0, t: START + t, ageMs: 0, ...more });
const north = (sample) => (sample.latitude - 43.77) / NORTH_M;

/** Plays fixes `[t, metres, arrival]` and samples at 60 Hz from `from` to `to` ms: `[now, metres]`. */
function play(fixes, from, to) {
  const track = new Track();
  const queue = [...fixes];
  const seen = [];
  for (let now = 0; now <= to; now += 1000 / 60) {
    while (queue.length && queue[0][2] <= now) {
      const [t, metres, arrival] = queue.shift();
      track.push(fix(metres, t), arrival);
    }
    const sample = track.sample(now);
    if (sample && now >= from) seen.push([now, north(sample)]);
  }
  return seen;
}

const percentile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))];

test('marker speed is even while fixes come once a second with jitter', () => {
  const jitter = [20, 90, 40, 160, 10, 120, 60];
  const fixes = Array.from({ length: 40 }, (_, i) => [i * 1000, i * 8, i * 1000 + jitter[i % 7]]);
  const seen = play(fixes, 8_000, 38_000);
  const speeds = seen.slice(1).map(([now, at], i) => (at - seen[i][1]) / (now - seen[i][0]));
  assert.ok(Math.min(...speeds) >= 0, 'never backwards');
  assert.ok(percentile(speeds, 0.95) / percentile(speeds, 0.05) < 1.5, `${percentile(speeds, 0.95)} / ${percentile(speeds, 0.05)}`);
});

test('the drawn position lies at least 1.2 intervals behind the newest fix', () => {
  const track = new Track();
  for (let i = 0; i <= 20; i += 1) {
    track.push(fix(i * 10, i * 1000), i * 1000);
    track.sample(i * 1000);
  }
  const behind = 200 - north(track.sample(20_000));
  assert.ok(Math.abs(behind - 12) < 0.5, `${behind} m behind at 10 m per interval`);
});

test('without new fixes the marker holds, and is stale after 12 s of silence', () => {
  const track = new Track();
  for (let i = 0; i < 5; i += 1) track.push(fix(i * 10, i * 1000), i * 1000);
  assert.equal(Math.round(north(track.sample(9_000))), 40);
  assert.equal(track.sample(15_900).stale, false);
  const later = track.sample(16_100);
  assert.equal(Math.round(north(later)), 40);
  assert.equal(later.stale, true);
});

test('the age of a fix when it was sent counts as silence', () => {
  const track = new Track();
  track.push(fix(0, 0, { ageMs: 11_500 }), 0);
  assert.equal(track.sample(400).stale, false);
  assert.equal(track.sample(600).stale, true);
});

test('an older or repeated fix never moves the marker', () => {
  const track = new Track();
  assert.equal(track.push(fix(10, 2_000), 0), true);
  assert.equal(track.push(fix(99, 2_000), 10), false);
  assert.equal(track.push(fix(99, 1_000), 20), false);
  assert.equal(Math.round(north(track.sample(60))), 10);
});

test('a gap over 150 m fades out and in instead of sliding', () => {
  const track = new Track();
  track.push(fix(0, 0), 0);
  track.push(fix(400, 1_000), 1_000);
  const seen = [];
  for (let now = 1_000; now < 2_600; now += 20) seen.push(track.sample(now));
  for (const sample of seen) assert.ok([0, 400].includes(Math.round(north(sample))));
  assert.ok(Math.min(...seen.map((sample) => sample.alpha)) < 0.1);
  assert.equal(seen.at(-1).alpha, 1);
});

test('after a hidden tab the marker is where it should be at once', () => {
  const track = new Track();
  for (let i = 0; i < 5; i += 1) {
    track.push(fix(i * 5, i * 1000), i * 1000);
    track.sample(i * 1000);
  }
  for (let i = 5; i < 25; i += 1) track.push(fix(i * 5, i * 1000), i * 1000);
  const at = north(track.sample(24_000));
  assert.ok(at > 112 && at <= 120, `${at}`);
});

test('with reduced motion the newest fix is shown itself', () => {
  const track = new Track();
  track.push(fix(0, 0), 0);
  track.push(fix(10, 1_000), 1_000);
  assert.equal(Math.round(north(track.sample(1_001, true))), 10);
});

test('the trail keeps what was passed, bounded, and marks gaps', () => {
  const track = new Track({ trail: 3 });
  for (let i = 0; i < 8; i += 1) {
    track.push(fix(i < 6 ? i * 10 : 1_000 + i * 10, i * 1000), i * 1000);
    track.sample(i * 1000, true);
  }
  assert.equal(track.trail().length, 3);
  assert.deepEqual(track.trail().map((point) => point.breakBefore), [false, false, true]);
});

test('directions turn the short way round', () => {
  assert.equal(turn(350, 10, 0.5), 0);
  assert.equal(turn(10, 350, 0.5), 0);
  assert.equal(Math.round(bearing({ latitude: 43, longitude: 11 }, { latitude: 43, longitude: 11.1 })), 90);
  assert.ok(Math.abs(metresBetween({ latitude: 43, longitude: 11 }, { latitude: 43.001, longitude: 11 }) - 111.2) < 0.1);
});
