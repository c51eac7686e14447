import assert from 'node:assert/strict';
import test from 'node:test';
import { afterClose, delayMs, retryMs } from '../../../static/js/backoff.js';
import { Fleet, pressure } from '../../../static/js/fleet.js';
import { ago, etaText, shortId, wholeMinutes } from '../../../static/js/format.js';
import { latitudeOf, longitudeOf, mercator } from '../../../static/js/mercator.js';
import { parse, quantile, rate, total } from '../../../static/js/metrics.js';
import { detail, parts, remainingMs, stepTimes, timeline } from '../../../static/js/progress.js';

test('reconnects wait 300 ms doubling to 8 s with jitter', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 40].map((n) => delayMs(n, () => 0.5)), [300, 600, 1200, 2400, 4800, 8000, 8000, 8000]);
  assert.equal(delayMs(0, () => 0), 240);
  assert.ok(delayMs(0, () => 0.999) <= 360);
});

test('close codes say what to do', () => {
  assert.equal(afterClose(4403).action, 'stop');
  assert.equal(afterClose(4409).action, 'stop');
  assert.equal(afterClose(4401).action, 'token');
  assert.deepEqual(afterClose(1012, 'retry_ms=750'), { action: 'retry', why: 'restart', afterMs: 750 });
  assert.equal(afterClose(4413).afterMs, 0);
  for (const code of [1000, 1006, 1011, 4408, 4999]) assert.equal(afterClose(code).action, 'retry', String(code));
  assert.equal(retryMs('restarting, retry_ms=20'), 20);
  assert.equal(retryMs(''), null);
});

test('times and ids read well', () => {
  assert.deepEqual([10_000, 61_000, 3_900_000, NaN].map(etaText), ['Any moment', '2 min', '1 h 05', null]);
  assert.deepEqual([wholeMinutes(1), wholeMinutes(-5), wholeMinutes(NaN)], [1, 1, null]);
  assert.deepEqual([16_000, 200_000, 8_000_000].map(ago), ['16 s', '3 min', '2 h']);
  assert.equal(shortId('D004'), 'D004');
  assert.equal(shortId('0199f0a0-1000-7000-8000-79584899abcd'), '#99ABCD');
});

test('Mercator goes there and back', () => {
  const [x, y] = mercator(11.2558, 43.7745);
  assert.ok(Math.abs(longitudeOf(x) - 11.2558) < 1e-9 && Math.abs(latitudeOf(y) - 43.7745) < 1e-9);
  assert.deepEqual(mercator(0, 0), [0.5, 0.5]);
});

const PAGE = (fixes, low, high) => parse(`# HELP x
beeline_fixes_received_total ${fixes}
beeline_sessions{role="driver"} 12
beeline_sessions{role="customer"} 3
beeline_fix_push_seconds_bucket{le="0.001"} ${low}
beeline_fix_push_seconds_bucket{le="0.01"} ${high}
beeline_fix_push_seconds_bucket{le="+Inf"} ${high}
# EOF`);

test('figures come from the difference of two metrics pages only', () => {
  const [a, b] = [PAGE(100, 10, 10), PAGE(500, 60, 110)];
  assert.equal(rate(a, b, 'beeline_fixes_received_total', 2), 200);
  assert.equal(total(b, 'beeline_sessions', { role: 'driver' }), 12);
  assert.equal(quantile(a, b, 'beeline_fix_push_seconds', 0.5), 0.001);
  assert.ok(Math.abs(quantile(a, b, 'beeline_fix_push_seconds', 0.99) - 0.00982) < 1e-9);
});

test('where nothing is known there is no figure', () => {
  const a = PAGE(100, 10, 10);
  assert.equal(rate(null, a, 'beeline_fixes_received_total', 2), null);
  assert.equal(rate(PAGE(200, 0, 0), a, 'beeline_fixes_received_total', 2), null, 'a restart');
  assert.equal(quantile(a, a, 'beeline_fix_push_seconds', 0.5), null);
  assert.equal(total(a, 'absent'), null);
});

const ORDER = {
  order_id: 'o1', status: 'picked_up', version: 5, created_at: '2026-01-01T10:00:00.000Z', driver_id: 'd1',
  dropoff: { latitude: 43.7, longitude: 11.2, address: 'Via Roma 1' }, eta: { pickup_at: null, dropoff_at: '2026-01-01T10:20:00.000Z' },
};
const EVENTS = [['created', 0], ['paid', 1], ['searching', 2], ['assigned', 3], ['searching', 4], ['assigned', 6], ['assigned', 7], ['picked_up', 10]]
  .map(([status, minute]) => ({ status, at: `2026-01-01T10:${String(minute).padStart(2, '0')}:00.000Z` }));
const at = (minute) => Date.parse(`2026-01-01T10:${minute}:00Z`);

test('a step that was taken back is not told, nor an event within a step', () => {
  assert.equal(stepTimes(EVENTS).assigned, '2026-01-01T10:06:00.000Z');
  assert.equal(stepTimes(EVENTS.slice(0, 5)).assigned, undefined);
});

test('the bar fills by time passed against time left', () => {
  const fill = parts(ORDER, stepTimes(EVENTS), at(15));
  assert.deepEqual(fill.slice(0, 2), [1, 1]);
  assert.equal(fill[2], 0.5);
  assert.deepEqual(parts({ ...ORDER, status: 'delivered' }, {}, at(15)), [1, 1, 1, 1]);
});

test('the timeline marks one step as now and none after the end', () => {
  assert.deepEqual(timeline(ORDER, stepTimes(EVENTS)).map((line) => line.state), ['done', 'done', 'now', 'todo']);
  assert.ok(timeline({ ...ORDER, status: 'delivered' }, {}).every((line) => line.state === 'done'));
  assert.deepEqual(timeline({ ...ORDER, status: 'cancelled' }, { created: 1, cancelled: 2 }).map((line) => line.label), ['Order confirmed', 'Cancelled']);
});

test('late is said with the time it was promised for', () => {
  assert.match(detail(ORDER, at(15), at(20)), /^Arriving around /);
  assert.match(detail(ORDER, at(15), at(14)), /^Later than first said/);
  assert.match(detail(ORDER, at(25), at(20)), /^Running late/);
  assert.equal(remainingMs(ORDER, at(15), 60), 300_000);
  assert.equal(remainingMs({ ...ORDER, eta: {} }, at(15), 60), 60_000);
  assert.equal(remainingMs({ ...ORDER, status: 'assigned', eta: {} }, at(15), 60), null, 'that ETA is to the pickup');
});

const driver = (id, more = {}) => ({ driver_id: id, latitude: 43.7, longitude: 11.2, timestamp: '2026-01-01T10:00:00.000Z', age_ms: 0, stale: false, status: 'available', ...more });

test('a fleet follows snapshot, delta and removal', () => {
  const fleet = new Fleet();
  fleet.snapshot({ drivers: [driver('a'), driver('b', { status: 'busy' })], orders: [{ ...ORDER, driver_id: 'b' }], cells: [{ cell: 'c', boundary: [[0, 0], [1, 0], [1, 1]], open_orders: 3, free_drivers: 0 }] }, 0);
  assert.equal(fleet.category(fleet.drivers.get('b')), 'delivering');
  const { track } = fleet.drivers.get('a');
  fleet.delta({ drivers: [driver('c')], orders: [{ ...ORDER, driver_id: 'b', version: 4, status: 'assigned' }], removed: { drivers: ['b'] } }, 10);
  assert.deepEqual([...fleet.drivers.keys()], ['a', 'c']);
  assert.equal(fleet.orders.get('o1').status, 'picked_up', 'an older version changes nothing');
  fleet.snapshot({ drivers: [driver('a')], orders: [], cells: [{ cell: 'c', open_orders: 1, free_drivers: 1 }] }, 20);
  assert.equal(fleet.drivers.get('a').track, track);
  assert.equal(fleet.orders.size, 0);
  assert.equal(fleet.cellsGeoJson().features[0].geometry.coordinates[0].length, 4, 'the ring is remembered and closed');
  fleet.delta({ removed: ['a', 'c'] }, 30);
  assert.deepEqual([fleet.drivers.size, fleet.cells.size], [0, 0]);
});

test('a driver on an order that is not known here is counted apart', () => {
  const fleet = new Fleet();
  fleet.snapshot({ drivers: [driver('a', { status: 'busy' }), driver('b', { status: 'paused', stale: true }), driver('c', { status: 'offered' })] }, 0);
  const counts = fleet.counts(0);
  assert.deepEqual([counts.busy, counts.rest, counts.available, counts.stale], [1, 1, 1, 1]);
});

test('orders are found by what people know of them', () => {
  const fleet = new Fleet();
  fleet.snapshot({ orders: [ORDER, { ...ORDER, order_id: 'o2', status: 'searching', driver_id: null, dropoff: { address: 'Corso Italia 2' } }] }, 0);
  assert.deepEqual(fleet.list('open', '').map((order) => order.order_id), ['o2', 'o1']);
  assert.deepEqual(fleet.list('open', 'corso').map((order) => order.order_id), ['o2']);
  assert.deepEqual(fleet.list('waiting', 'd1'), []);
  assert.ok(pressure({ open_orders: 4, free_drivers: 0 }) > pressure({ open_orders: 4, free_drivers: 6 }));
});
