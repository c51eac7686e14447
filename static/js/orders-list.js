// The operator's list of orders with search and filter. Rows are kept and updated in place, so that
// keyboard focus and scroll position survive two updates a second.
import { $, el, text } from './dom.js';
import { orderGroup } from './fleet.js';
import { placeName, shortId, statusWord, wholeMinutes } from './format.js';

const SHOWN = 150;
const DRIVERS_SHOWN = 8;
const DRIVER_WORDS = { available: 'Available', pickup: 'To pickup', delivering: 'Delivering', busy: 'On an order', rest: 'On break' };

export class OrdersList {
  /** `choose({order}|{driver})` is called when a row is chosen. */
  constructor(fleet, choose) {
    this.fleet = fleet;
    this.choose = choose;
    this.rows = new Map();
    this.selected = null;
    this.serverNow = () => Date.now();
    for (const [id, event] of [['#query', 'input'], ['#filter', 'change']]) $(id).addEventListener(event, () => this.render());
  }

  render() {
    const query = $('#query').value;
    const group = $('#filter').value;
    const orders = this.fleet.list(group, query);
    const drivers = this.fleet.findDrivers(query, DRIVERS_SHOWN);
    text($('#orders-count'), String(orders.length));
    const wanted = [
      ...drivers.map((id) => ({ key: `d:${id}`, update: (row) => this.#driverRow(row, id), pick: { driver: id } })),
      ...orders.slice(0, SHOWN).map((order) => ({ key: `o:${order.order_id}`, update: (row) => this.#orderRow(row, order), pick: { order: order.order_id } })),
    ];
    text($('#orders-empty'), this.#remark(orders, wanted, query));
    this.#place(wanted);
  }

  #remark(orders, wanted, query) {
    if (orders.length > SHOWN) return `${orders.length - SHOWN} more: search to narrow the list.`;
    if (wanted.length) return '';
    return query ? 'Nothing here matches.' : 'No orders in the area shown.';
  }

  #place(wanted) {
    const list = $('#orders');
    const keys = new Set(wanted.map((each) => each.key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.item.remove();
      this.rows.delete(key);
    }
    wanted.forEach(({ key, update, pick }, i) => {
      let row = this.rows.get(key);
      if (!row) {
        row = this.#newRow(pick);
        this.rows.set(key, row);
      }
      update(row);
      row.button.setAttribute('aria-pressed', String(key === this.selected));
      // Moving a node takes the focus from it, so only what is out of place moves.
      if (list.children[i] !== row.item) list.insertBefore(row.item, list.children[i] ?? null);
    });
  }

  #newRow(pick) {
    const row = { title: el('strong'), sub: el('span', { class: 'muted' }), state: el('span', { class: 'state' }), minutes: el('span', { class: 'muted' }) };
    row.button = el(
      'button', { type: 'button', class: 'row', onclick: () => this.choose(pick) },
      el('span', { class: 'row-main' }, row.title, row.sub), el('span', { class: 'row-side' }, row.state, row.minutes),
    );
    row.item = el('li', {}, row.button);
    return row;
  }

  #orderRow(row, order) {
    text(row.title, `${shortId(order.order_id)} · ${order.pickup?.address || order.merchant_id || placeName(order.pickup)}`);
    const who = order.driver_id ? shortId(order.driver_id) : 'no driver';
    text(row.sub, `${who} → ${placeName(order.dropoff)}`);
    text(row.state, statusWord(order.status));
    row.state.className = `state ${orderGroup(order)}`;
    const minutes = wholeMinutes(Date.parse(order.eta?.dropoff_at ?? '') - this.serverNow());
    text(row.minutes, minutes === null ? '' : `${minutes} min`);
  }

  #driverRow(row, id) {
    const entry = this.fleet.drivers.get(id);
    const category = this.fleet.category(entry);
    const order = this.fleet.orderIdOf(id);
    text(row.title, `Driver ${id}`);
    text(row.sub, order ? `on ${shortId(order)}` : 'no order');
    text(row.state, DRIVER_WORDS[category]);
    row.state.className = `state ${category}`;
  }
}
