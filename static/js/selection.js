// The selected order or driver: its facts, and what an operator may do with it. Every button is a
// call to the API; the page shows the outcome it is told, never the one it hoped for.
import { segment } from './api.js';
import { $, el, text } from './dom.js';
import { orderGroup } from './fleet.js';
import { ENDED } from './progress.js';
import { ago, clockTime, distance, placeName, shortId, statusWord } from './format.js';

const NEARBY = { radius: 5_000, limit: 8, status: 'available' };

export class Selection {
  constructor(fleet, api, { onChange }) {
    this.fleet = fleet;
    this.api = api;
    this.onChange = onChange;
    this.order = null;
    this.driver = null;
    this.message = '';
    this.armed = false;
    this.candidates = null;
    this.fetched = null;
    this.asked = false;
    this.busy = false;
    this.drawn = '';
  }

  choose({ order = null, driver = null }) {
    this.order = order ?? (driver ? this.fleet.orderIdOf(driver) : null);
    this.driver = driver ?? this.fleet.orders.get(order)?.driver_id ?? null;
    Object.assign(this, { message: '', armed: false, candidates: null, fetched: null, asked: false });
    this.render();
    this.onChange();
  }

  clear() {
    this.choose({});
  }

  /** Draws again if anything shown changed. */
  render() {
    const order = this.#current();
    // Dispatch may have changed who drives it since it was chosen.
    if (order) this.driver = order.driver_id ?? null;
    const entry = this.fleet.drivers.get(this.driver);
    const node = $('#detail');
    node.hidden = !this.order && !this.driver;
    if (node.hidden) return;
    const facts = order ? this.#orderFacts(order) : this.#driverFacts(entry);
    const signature = JSON.stringify([facts, this.message, this.armed, this.candidates, this.busy, order?.status, this.order, this.driver]);
    if (signature === this.drawn) return;
    this.drawn = signature;
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    const title = order ? `Order ${shortId(order.order_id)}` : this.driver ? `Driver ${this.driver}` : `Order ${shortId(this.order)}`;
    node.replaceChildren(
      el('header', {}, el('h3', { title: order?.order_id ?? this.driver }, title), el('button', { type: 'button', class: 'close', 'data-act': 'close', 'aria-label': 'Close', onclick: () => this.clear() }, '✕')),
      el('dl', {}, ...facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])),
      ...(order ? [this.#actions(order)] : []),
      el('p', { role: 'status', class: this.message ? '' : 'visually-hidden' }, this.message),
    );
    if (focused) node.querySelector(`[data-act="${focused}"]`)?.focus();
  }

  // An order that ended or lies outside the area shown is no longer pushed: its last state is read once.
  #current() {
    const known = this.fleet.orders.get(this.order);
    if (known) {
      // The answer to a command is newer than the next push for up to half a second.
      if (this.fetched?.version > known.version) return this.fetched;
      Object.assign(this, { fetched: null, asked: false });
      return known;
    }
    if (this.order && !this.fetched && !this.asked) {
      this.asked = true;
      this.#guard(async () => { this.fetched = await this.api.get(`/orders/${segment(this.order)}`); });
    }
    return this.fetched;
  }

  #orderFacts(order) {
    const facts = [['State', statusWord(order.status)], ['From', placeName(order.pickup)], ['To', placeName(order.dropoff)], ['Driver', order.driver_id ?? 'none yet'], ['Placed', clockTime(order.created_at)]];
    if (order.eta?.dropoff_at && !ENDED.has(order.status)) facts.push(['Arrives', clockTime(order.eta.dropoff_at)]);
    return facts;
  }

  #driverFacts(entry) {
    if (!entry) return [['State', 'not in the area shown']];
    const { info, track } = entry;
    const facts = [['State', info.status], ['Last seen', `${ago(Math.floor(track.ageMs(performance.now()) / 5_000) * 5_000)} ago`]];
    if (Number.isFinite(info.speed)) facts.push(['Speed', `${Math.round(info.speed * 3.6)} km/h`]);
    return facts;
  }

  #actions(order) {
    const row = el('div', { class: 'actions' });
    if (ENDED.has(order.status)) return row;
    const group = orderGroup(order);
    const button = (act, label, run, danger) => el('button', { type: 'button', 'data-act': act, class: danger ? 'danger' : null, disabled: this.busy, onclick: run }, label);
    if (group === 'waiting') {
      if (!this.candidates) row.append(button('find', 'Assign…', () => this.#findDrivers(order)));
      else row.append(...this.#chooser(order, button));
    }
    if (group === 'pickup') row.append(button('unassign', 'Unassign', () => this.#do(order, 'unassign', {}, 'Taken back from the driver.')));
    row.append(this.armed
      ? button('cancel', 'Really cancel?', () => this.#do(order, 'cancel', {}, 'Cancelled.'), true)
      : button('cancel', 'Cancel order', () => { this.armed = true; this.render(); }, true));
    return row;
  }

  #chooser(order, button) {
    const select = el('select', { 'aria-label': 'Free drivers nearby', 'data-act': 'driver' }, ...this.candidates.map((each) => el('option', { value: each.driver_id }, `${shortId(each.driver_id)} · ${distance(each.distance_m)}`)));
    return [select, button('assign', 'Assign', () => this.#do(order, 'assign', { driver_id: select.value }, 'Assigned.'))];
  }

  async #findDrivers(order) {
    await this.#guard(async () => {
      const { drivers } = await this.api.get('/drivers/nearby', { lat: order.pickup.latitude, lng: order.pickup.longitude, ...NEARBY });
      this.candidates = drivers.length ? drivers : null;
      this.message = drivers.length ? '' : `No free driver within ${distance(NEARBY.radius)}.`;
    });
    $('#detail [data-act="driver"]')?.focus();
  }

  #do(order, act, body, done) {
    return this.#guard(async () => {
      this.fetched = await this.api.post(`/orders/${segment(order.order_id)}/${act}`, body);
      this.candidates = null;
      this.message = done;
    });
  }

  async #guard(work) {
    this.busy = true;
    this.message = '';
    this.render();
    try {
      await work();
    } catch (error) {
      this.message = `Not done: ${error.message}`;
    }
    this.busy = false;
    this.armed = false;
    this.render();
  }
}
