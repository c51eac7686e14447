// The start page: doors to the other pages; in dev mode also ready sign-ins to deliveries under way.
import { Api } from './api.js';
import { $, el, text } from './dom.js';
import { placeName, shortId, statusWord } from './format.js';
import { ACTIVE } from './progress.js';
import { themeButton } from './theme.js';
import { claims, devTokens, store } from './token.js';

const REFRESH_MS = 3_000;
const SHOWN = 12;

function openAs(customer, token, order) {
  store('customer', token);
  location.href = order ? `/track#order=${encodeURIComponent(order)}` : '/track';
}

async function showDeliveries(tokens) {
  const api = new Api(() => tokens.operator);
  const byCustomer = new Map(tokens.customers.map((each) => [each.customer_id, each.token]));
  let orders = [];
  try {
    const pages = await Promise.all(['picked_up', 'at_pickup', 'assigned'].map((status) => api.get('/orders', { status, limit: 50 })));
    orders = pages.flatMap((page) => page.orders).filter((order) => ACTIVE.has(order.status) && byCustomer.has(order.customer_id));
    text($('#dev-note'), orders.length ? 'Open one to see what its customer sees.' : 'None just now. The city is waking up.');
  } catch (error) {
    text($('#dev-note'), `Orders cannot be read: ${error.message}`);
  }
  const list = $('#deliveries');
  // A list that is being walked with the keyboard is left alone.
  if (list.contains(document.activeElement)) return;
  list.replaceChildren(...orders.slice(0, SHOWN).map((order) => el('li', {}, el(
    'button', { type: 'button', class: 'row', onclick: () => openAs(order.customer_id, byCustomer.get(order.customer_id), order.order_id) },
    el('span', { class: 'row-main' }, el('strong', {}, placeName(order.dropoff)), el('span', { class: 'muted' }, `${order.customer_id} · ${shortId(order.order_id)}`)),
    el('span', { class: 'badge' }, statusWord(order.status)),
  ))));
}

function pasteForm() {
  $('#plain').hidden = false;
  $('#plain-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const token = $('#plain-token').value.trim();
    const { role } = claims(token);
    const pages = { operator: '/operator', admin: '/operator', customer: '/track' };
    if (!pages[role]) {
      text($('#plain-error'), role ? `There is no page for the role “${role}”.` : 'This is not a token.');
      return;
    }
    store(role === 'customer' ? 'customer' : 'operator', token);
    location.href = pages[role];
  });
}

async function start() {
  themeButton($('#theme'));
  if (!(await fetch('/vendor/maplibre.js', { method: 'HEAD' })).ok) {
    $('#missing').hidden = false;
    text($('#missing'), 'This build has no map library: maps stay empty. Run “make demo” once to fetch it.');
  }
  const tokens = await devTokens();
  if (!tokens) return pasteForm();
  store('operator', tokens.operator);
  if (tokens.customers?.length) store('customer', tokens.customers[0].token);
  $('#dev').hidden = false;
  await showDeliveries(tokens);
  setInterval(() => document.hidden || showDeliveries(tokens), REFRESH_MS);
  return undefined;
}

start().finally(() => { document.documentElement.dataset.ready = 'true'; });
