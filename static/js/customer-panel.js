// The customer's card: state, ETA, progress, timeline, driver. Shows what it is given, knows no socket.
import { $, el, text } from './dom.js';
import { ago, clockTime, etaText, placeName, shortId, statusWord, wholeMinutes } from './format.js';
import { ACTIVE, detail, ENDED, parts, remainingMs, sentence, timeline } from './progress.js';

export class CustomerPanel {
  constructor() {
    this.spoken = null;
    const handle = $('#sheet-handle');
    handle.addEventListener('click', () => {
      const open = $('#card').classList.toggle('open');
      handle.setAttribute('aria-expanded', String(open));
      handle.setAttribute('aria-label', open ? 'Show less' : 'Show all steps');
    });
  }

  /**
   * `model`: `{order, times, now, etaS, firstEta, ageMs, live}`; `ageMs` null when no position is
   * known, `live` false while the connection is down.
   */
  render(model) {
    const { order } = model;
    $('#list').hidden = true;
    $('#card').hidden = false;
    text($('#sentence'), sentence(order));
    const left = remainingMs(order, model.now, model.etaS);
    const headline = order.status === 'delivered' ? `At ${clockTime(model.times.delivered ?? order.updated_at)}` : etaText(left);
    text($('#eta'), headline ?? (ENDED.has(order.status) ? statusWord(order.status) : 'Soon'));
    text($('#detail'), detail(order, model.now, model.firstEta));
    this.#bar(order, model);
    this.#timeline(order, model.times);
    this.#driver(order);
    $('#again-row').hidden = !ENDED.has(order.status);
    this.#lastSeen(order, model);
    this.#announce(order, left);
  }

  #bar(order, model) {
    const fills = parts(order, model.times, model.now);
    const failed = order.status === 'cancelled' || order.status === 'failed';
    $('#bar').classList.toggle('ended', failed);
    fills.forEach((fill, i) => $(`#part-${i}`).style.setProperty('--fill', `${Math.round(fill * 1000) / 10}%`));
    const done = fills.filter((fill) => fill >= 1).length;
    $('#bar').setAttribute('aria-valuenow', String(done));
    $('#bar').setAttribute('aria-valuetext', `${done} of 4 steps done: ${statusWord(order.status)}`);
  }

  #timeline(order, times) {
    const lines = timeline(order, times);
    const signature = JSON.stringify(lines);
    if (signature === this.lines) return;
    this.lines = signature;
    $('#timeline').replaceChildren(...lines.map((line) => el(
      'li', { class: line.state, 'aria-current': line.state === 'now' ? 'step' : null },
      el('span', { class: 'what' }, line.label), el('span', { class: 'time' }, line.time),
    )));
  }

  #driver(order) {
    const row = $('#driver');
    row.hidden = !order.driver_id;
    if (!order.driver_id) return;
    text($('#driver-name'), shortId(order.driver_id));
    text($('#driver-initial'), String(order.driver_id).slice(0, 1).toUpperCase());
    row.title = order.driver_id;
  }

  #lastSeen(order, { ageMs, live }) {
    const node = $('#last-seen');
    const tail = ` · order ${shortId(order.order_id)}`;
    const fresh = live && ageMs !== null && ageMs <= 12_000;
    node.classList.toggle('live', fresh);
    if (!ACTIVE.has(order.status)) text(node, `Order ${shortId(order.order_id)}`);
    else if (ageMs === null || ageMs === Infinity) text(node, `Waiting for a position${tail}`);
    else text(node, fresh ? `Live position${tail}` : `Last seen ${ago(ageMs)} ago${tail}`);
  }

  // Spoken only when the state or the whole minute changes.
  #announce(order, left) {
    const minutes = wholeMinutes(left);
    const key = `${order.status} ${minutes}`;
    if (key === this.spoken) return;
    this.spoken = key;
    text($('#announce'), minutes === null ? sentence(order) : `${sentence(order)}. About ${minutes} minute${minutes === 1 ? '' : 's'}.`);
  }

  /** The person's own orders, newest first; `open(id)` is called on a choice. */
  list(orders, open) {
    $('#card').hidden = true;
    $('#list').hidden = false;
    const rank = (order) => (ACTIVE.has(order.status) ? 0 : ENDED.has(order.status) ? 2 : 1);
    const sorted = [...orders].sort((a, b) => rank(a) - rank(b) || String(b.created_at).localeCompare(String(a.created_at)));
    text($('#list-empty'), sorted.length ? '' : 'You have no orders yet.');
    const signature = JSON.stringify(sorted.map((order) => [order.order_id, order.version]));
    if (signature === this.listed) return;
    this.listed = signature;
    $('#orders').replaceChildren(...sorted.map((order) => el('li', {}, el(
      'button', { type: 'button', class: 'row', onclick: () => open(order.order_id) },
      el('span', { class: 'row-main' }, el('strong', {}, placeName(order.dropoff)), el('span', { class: 'muted' }, `${clockTime(order.created_at)} · ${shortId(order.order_id)}`)),
      el('span', { class: `badge ${order.status}` }, statusWord(order.status)),
    ))));
  }

  failure(message) {
    $('#card').hidden = true;
    $('#list').hidden = false;
    this.listed = null;
    $('#orders').replaceChildren();
    text($('#list-empty'), message);
  }
}
