// What the operator socket has told so far: drivers, orders and cells of the watched area. Pure.
import { Track, STALE_MS } from './motion.js';
import { ENDED } from './progress.js';

export const CATEGORIES = ['available', 'pickup', 'delivering', 'rest'];

/** Group an open order belongs to: waiting | pickup | delivering. */
export function orderGroup(order) {
  if (order.status === 'assigned' || order.status === 'at_pickup') return 'pickup';
  return order.status === 'picked_up' || order.status === 'at_dropoff' ? 'delivering' : 'waiting';
}

/** 0..1: how far open orders outrun free drivers in a cell. */
export function pressure(cell) {
  return Math.min(1, cell.open_orders / (cell.free_drivers + 1) / 3);
}

export class Fleet {
  constructor() {
    this.drivers = new Map();
    this.orders = new Map();
    this.cells = new Map();
    this.orderOfDriver = new Map();
    this.boundaries = new Map();
    this.cellsVersion = 0;
  }

  /** The whole truth about a new area. Tracks of drivers still there go on, so that they do not jump. */
  snapshot(frame, now) {
    const before = this.drivers;
    this.drivers = new Map();
    for (const { driver_id: id } of frame.drivers ?? []) if (before.has(id)) this.drivers.set(id, before.get(id));
    this.orders.clear();
    this.orderOfDriver.clear();
    this.cells.clear();
    this.cellsVersion += 1;
    this.delta({ drivers: frame.drivers, orders: frame.orders, cells: frame.cells }, now);
  }

  delta(frame, now) {
    for (const driver of frame.drivers ?? []) this.#driver(driver, now);
    for (const order of frame.orders ?? []) this.#order(order);
    for (const cell of frame.cells ?? []) this.#cell(cell);
    const { removed } = frame;
    const ids = Array.isArray(removed) ? { drivers: removed, orders: removed, cells: removed } : removed ?? {};
    for (const id of ids.drivers ?? []) this.drivers.delete(id);
    for (const id of ids.orders ?? []) this.#dropOrder(id);
    for (const id of ids.cells ?? []) if (this.cells.delete(id)) this.cellsVersion += 1;
  }

  #driver(driver, now) {
    let entry = this.drivers.get(driver.driver_id);
    if (!entry) {
      entry = { track: new Track() };
      this.drivers.set(driver.driver_id, entry);
    }
    entry.info = driver;
    entry.track.push({
      latitude: driver.latitude, longitude: driver.longitude, heading: driver.heading ?? null,
      t: Date.parse(driver.timestamp), ageMs: driver.age_ms,
    }, now);
  }

  #order(order) {
    const known = this.orders.get(order.order_id);
    if (known && known.version > order.version) return;
    this.#dropOrder(order.order_id);
    if (ENDED.has(order.status)) return;
    this.orders.set(order.order_id, order);
    if (order.driver_id) this.orderOfDriver.set(order.driver_id, order.order_id);
  }

  #dropOrder(id) {
    const order = this.orders.get(id);
    if (!order) return;
    this.orders.delete(id);
    if (this.orderOfDriver.get(order.driver_id) === id) this.orderOfDriver.delete(order.driver_id);
  }

  // The ring comes once a session, whatever the area is changed to afterwards.
  #cell(cell) {
    if (cell.boundary) this.boundaries.set(cell.cell, cell.boundary);
    this.cells.set(cell.cell, { ...cell, boundary: this.boundaries.get(cell.cell) });
    this.cellsVersion += 1;
  }

  /** The order a driver works on, by the orders known here, else by what the device says; null for none. */
  orderIdOf(driverId) {
    return this.orderOfDriver.get(driverId) ?? this.drivers.get(driverId)?.info.order_id ?? null;
  }

  /** available | pickup | delivering | busy (on an order not known here) | rest. */
  category(entry) {
    const { status, driver_id: id } = entry.info;
    if (status === 'available' || status === 'offered') return 'available';
    if (status !== 'busy') return 'rest';
    const order = this.orders.get(this.orderIdOf(id));
    const group = order ? orderGroup(order) : null;
    return group === 'pickup' || group === 'delivering' ? group : 'busy';
  }

  isStale(entry, now) {
    return entry.info.stale === true || entry.track.ageMs(now) > STALE_MS;
  }

  /** Counts for the legend: by category, and of them the stale ones. */
  counts(now) {
    const counts = { available: 0, pickup: 0, delivering: 0, busy: 0, rest: 0, stale: 0 };
    for (const entry of this.drivers.values()) {
      counts[this.category(entry)] += 1;
      if (this.isStale(entry, now)) counts.stale += 1;
    }
    return counts;
  }

  /** Orders for the list: of a group ('open' = all), matching a text, newest first. */
  list(group, query) {
    const needle = query.trim().toLowerCase();
    const found = [];
    for (const order of this.orders.values()) {
      if (group !== 'open' && orderGroup(order) !== group) continue;
      if (needle && !haystack(order).includes(needle)) continue;
      found.push(order);
    }
    return found.sort((a, b) => (a.order_id < b.order_id ? 1 : -1));
  }

  /** Drivers whose id holds the text; none for an empty one. */
  findDrivers(query, limit) {
    const needle = query.trim().toLowerCase();
    if (!needle) return [];
    return [...this.drivers.keys()].filter((id) => id.toLowerCase().includes(needle)).sort().slice(0, limit);
  }

  /** GeoJSON of the cells with something in them, for the map's layer. */
  cellsGeoJson() {
    const features = [];
    for (const cell of this.cells.values()) {
      if (!cell.boundary || (!cell.open_orders && !cell.free_drivers)) continue;
      const [first] = cell.boundary;
      const last = cell.boundary[cell.boundary.length - 1];
      const ring = first[0] === last[0] && first[1] === last[1] ? cell.boundary : [...cell.boundary, first];
      features.push({ type: 'Feature', properties: { pressure: pressure(cell) }, geometry: { type: 'Polygon', coordinates: [ring] } });
    }
    return { type: 'FeatureCollection', features };
  }
}

function haystack(order) {
  return [order.order_id, order.driver_id, order.customer_id, order.merchant_id, order.pickup?.address, order.dropoff?.address, order.status]
    .filter(Boolean).join(' ').toLowerCase();
}
