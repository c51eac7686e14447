// What a customer is told about an order, from the order and the times of its steps. Pure.
import { clockTime, placeName } from './format.js';

export const ACTIVE = new Set(['assigned', 'at_pickup', 'picked_up', 'at_dropoff']);
export const ENDED = new Set(['delivered', 'cancelled', 'failed']);
/** A later arrival than first announced is said from here on. */
const LATE_MS = 2 * 60_000;

const PART = {
  created: 0, paid: 0, scheduled: 0, searching: 0, assigned: 1, at_pickup: 1, picked_up: 2, at_dropoff: 2, delivered: 4,
};

/** One sentence for the state the order is in. */
export function sentence(order) {
  switch (order.status) {
    case 'created': return 'We have your order';
    case 'paid': return 'Your order is confirmed';
    case 'scheduled': return `Booked for ${clockTime(order.scheduled_for) || 'later'}`;
    case 'searching': return 'Finding a driver';
    case 'assigned': return 'Your driver is on the way to the pickup';
    case 'at_pickup': return order.prep?.state === 'preparing' ? 'Your driver is waiting for your order' : 'Your driver is at the pickup';
    case 'picked_up': return 'Your driver is on the way to you';
    case 'at_dropoff': return 'Your driver is at the door';
    case 'delivered': return 'Delivered. Enjoy!';
    case 'cancelled': return 'This order was cancelled';
    case 'failed': return 'This order could not be delivered';
    default: return 'Your order';
  }
}

/** Milliseconds until arrival, or null where nobody knows. `etaS` is the one of the last position. */
export function remainingMs(order, now, etaS) {
  if (ENDED.has(order.status)) return null;
  const at = Date.parse(order.eta?.dropoff_at ?? '');
  if (!Number.isNaN(at)) return at - now;
  const underWay = order.status === 'picked_up' || order.status === 'at_dropoff';
  return underWay && Number.isFinite(etaS) ? etaS * 1_000 : null;
}

/** The line under the ETA: when, where, and whether that is later than first said. */
export function detail(order, now, firstEta) {
  const where = placeName(order.dropoff);
  if (order.status === 'delivered') return where;
  if (ENDED.has(order.status)) return '';
  const at = Date.parse(order.eta?.dropoff_at ?? '');
  if (Number.isNaN(at)) return where;
  if (now > at + 60_000) return `Running late: it was due at ${clockTime(at)} · ${where}`;
  if (firstEta && at - firstEta > LATE_MS) return `Later than first said: now around ${clockTime(at)} · ${where}`;
  return `Arriving around ${clockTime(at)} · ${where}`;
}

/**
 * Fill of the four parts of the bar, each 0..1. Within a part it is time passed against time still
 * estimated; where nothing is estimated the part counts as half.
 */
export function parts(order, times, now) {
  const part = PART[order.status] ?? 0;
  const fill = [0, 0, 0, 0].map((_, i) => (i < part ? 1 : 0));
  if (part > 3 || ENDED.has(order.status)) return fill;
  const [since, until] = part === 1
    ? [times.assigned, order.eta?.pickup_at]
    : part === 2 ? [times.picked_up, order.eta?.dropoff_at] : [times.created ?? order.created_at, null];
  const passed = now - Date.parse(since ?? '');
  const left = Date.parse(until ?? '') - now;
  fill[part] = Number.isFinite(passed) && Number.isFinite(left)
    ? Math.min(0.98, Math.max(0.05, passed / Math.max(1, passed + Math.max(0, left))))
    : 0.5;
  return fill;
}

/** The body of a new order like this one: same kitchen, things and door. */
export function again(order) {
  const { kind, merchant_id, pickup, dropoff, items, prep } = order;
  return { kind, pickup, dropoff, items, ...(merchant_id ? { merchant_id } : {}), ...(prep?.seconds ? { prep_seconds: prep.seconds } : {}) };
}

/** Time each step was (last) reached: `{assigned: "2026-...", ...}` from the order's events. */
export function stepTimes(events) {
  const times = {};
  let status = null;
  for (const event of events) {
    // Some events, such as the kitchen's "ready", leave the order at the step where it was.
    if (event.status === status) continue;
    status = event.status;
    // A step that was taken back, such as a driver who gave the order up, is not shown as reached.
    if (status === 'searching') {
      delete times.assigned;
      delete times.at_pickup;
    }
    times[status] = event.at;
  }
  return times;
}

/** Lines of the timeline: `{label, time, state: 'done'|'now'|'todo'}`. */
export function timeline(order, times) {
  const reached = PART[order.status] ?? 0;
  const lines = [
    { label: 'Order confirmed', at: times.paid ?? times.created ?? order.created_at, done: true },
    { label: reached >= 1 ? 'Driver found' : 'Finding a driver', at: times.assigned, done: reached >= 1 },
    { label: reached >= 2 ? 'Picked up, on the way' : 'Picked up', at: times.picked_up, done: reached >= 2 },
    { label: 'Delivered', at: times.delivered, done: reached >= 4 },
  ];
  if (order.status === 'cancelled' || order.status === 'failed') {
    const known = lines.filter((line, i) => i === 0 || line.at);
    known.push({ label: order.status === 'cancelled' ? 'Cancelled' : 'Not delivered', at: times[order.status], done: true });
    return known.map((line) => ({ label: line.label, time: clockTime(line.at), state: 'done' }));
  }
  const now = order.status === 'delivered' ? -1 : lines.findLastIndex((line) => line.done);
  return lines.map((line, i) => ({
    label: line.label,
    time: line.done ? clockTime(line.at) : '',
    state: i === now ? 'now' : line.done ? 'done' : 'todo',
  }));
}
