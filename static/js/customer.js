// The customer page: one order, live. Glue between socket, map and card.
import { Api, randomKey, segment } from './api.js';
import { banner, mapProblem, Session, verdict, zoomButtons } from './chrome.js';
import { CustomerMap } from './customer-map.js';
import { CustomerPanel } from './customer-panel.js';
import { $, text } from './dom.js';
import { createView } from './map.js';
import { ACTIVE, again, ENDED, stepTimes } from './progress.js';
import { LiveSocket } from './socket.js';
import { onTheme, theme, themeButton } from './theme.js';

const POLL_MS = 10_000;
const RENDER_MS = 500;
const LIST_MS = 10_000;

const session = new Session('customer');
const api = new Api(() => session.current());
const panel = new CustomerPanel();
const state = { id: null, order: null, events: [], lastSeq: 0, etaS: null, firstEta: null, live: false, polling: null, staleSince: null };
let map;
let socket;

const orderIdInAddress = () => new URLSearchParams(location.hash.slice(1)).get('order');

function padding() {
  const phone = innerWidth < 720;
  const sheet = $('#card').hidden ? 0 : $('#card').offsetHeight;
  return phone ? { top: 160, right: 76, bottom: sheet + 40, left: 50 } : { top: 120, right: 90, bottom: 80, left: 470 };
}

function render() {
  if (!state.order) return;
  panel.render({
    order: state.order, times: stepTimes(state.events), now: socket ? socket.now() : Date.now(), etaS: state.etaS,
    firstEta: state.firstEta, live: state.live && !state.staleSince, ageMs: map.ageMs(performance.now()),
  });
}

function takeOrder(order) {
  // An answer that was overtaken by an event must not take the page back.
  if (state.order && order.version < state.order.version) return;
  state.order = order;
  const eta = Date.parse(order.eta?.dropoff_at ?? '');
  if (!Number.isNaN(eta)) state.firstEta ??= eta;
  if (!ACTIVE.has(order.status)) dropPosition();
  map.setOrder(order);
  render();
}

function dropPosition() {
  map.gone();
  state.etaS = null;
  state.staleSince = null;
}

/** Reads the order and its events: at the start, and after an event that does not carry it all. */
async function refresh() {
  const id = state.id;
  const [order, page] = await Promise.all([api.get(`/orders/${segment(id)}`), api.get(`/orders/${segment(id)}/events`, { after: 0 })]);
  if (id !== state.id) return;
  state.events = page.events;
  takeOrder(order);
}

function onFrame(frame) {
  if (frame.order_id !== state.id) return;
  if (frame.type === 'order') onOrder(frame);
  else if (frame.type === 'location') onLocation(frame);
  else if (frame.type === 'location.stale') {
    state.staleSince = frame.since ?? true;
    render();
  } else if (frame.type === 'location.gone') {
    dropPosition();
    render();
  } else if (frame.type === 'eta' && state.order) {
    takeOrder({ ...state.order, eta: { ...state.order.eta, pickup_at: frame.pickup_at, dropoff_at: frame.dropoff_at } });
  }
}

function onOrder(frame) {
  if (frame.seq <= state.lastSeq) return;
  state.lastSeq = frame.seq;
  const last = state.events[state.events.length - 1];
  const gap = frame.seq > (last?.seq ?? 0) + 1;
  if (frame.seq > (last?.seq ?? 0)) state.events.push(frame);
  // The newest event carries the order; a replayed one does not, and a gap has to be filled.
  if (frame.order) takeOrder(frame.order);
  if (gap || !frame.order) refresh().catch(() => {});
}

function onLocation(location) {
  state.staleSince = null;
  if (Number.isFinite(location.eta_s)) state.etaS = location.eta_s;
  map.position(location, performance.now());
  render();
}

function onSocketState({ state: now, why, poll }) {
  state.live = now === 'live';
  document.documentElement.dataset.link = now;
  if (now === 'live') {
    banner(null);
    poller(false);
    return;
  }
  poller(poll && now !== 'stopped');
  if (now === 'waiting') banner({ text: poll ? 'Reconnecting. Updating every 10 s until then' : 'Reconnecting. Showing the last known position', spin: true });
  if (now === 'stopped' && why === 'replaced') banner({ text: 'This order is open in another window', action: { label: 'Show it here', run: () => socket.retryNow() } });
  if (now === 'stopped' && why === 'forbidden') banner({ text: 'This order cannot be shown with this sign-in' });
  render();
}

function poller(on) {
  if (!on) {
    clearInterval(state.polling);
    state.polling = null;
  } else if (!state.polling) {
    state.polling = setInterval(poll, POLL_MS);
    poll();
  }
}

async function poll() {
  try {
    await refresh();
    if (!ACTIVE.has(state.order.status)) return;
    onLocation(await api.get(`/orders/${segment(state.id)}/driver-location`));
  } catch (error) {
    if (error.code === 'not_in_delivery') dropPosition();
  }
  render();
}

function subscribe(send) {
  if (state.id) send({ type: 'subscribe', order_id: state.id, ...(state.lastSeq ? { after: state.lastSeq } : {}) });
}

async function openOrder(id) {
  if (state.id && state.id !== id) socket?.send({ type: 'unsubscribe', order_id: state.id });
  Object.assign(state, { id, order: null, events: [], lastSeq: 0, firstEta: null, againKey: null });
  dropPosition();
  map.setOrder(null);
  try {
    await refresh();
  } catch (error) {
    if (error.status === 401 && await session.renew()) return openOrder(id);
    panel.failure(error.status === 404 ? 'There is no such order, or it is not yours.' : `The order cannot be read: ${error.message}`);
    if (error.status === 404) return undefined;
    setTimeout(() => state.id === id && openOrder(id), POLL_MS);
    return undefined;
  }
  if (socket) subscribe((message) => socket.send(message));
  else startSocket();
  return undefined;
}

/** Places the ended order once more. The key stays until that worked, so that a second press cannot order twice. */
async function orderAgain() {
  const button = $('#again');
  button.disabled = true;
  text($('#again-problem'), '');
  state.againKey ??= randomKey();
  try {
    const order = await api.post('/orders', again(state.order), state.againKey);
    location.hash = `order=${encodeURIComponent(order.order_id)}`;
  } catch (error) {
    text($('#again-problem'), `Not ordered: ${error.message}`);
  }
  button.disabled = false;
}

function startSocket() {
  socket = new LiveSocket({
    path: '/ws/customer', token: () => session.current(), onOpen: subscribe, onFrame, onState: onSocketState,
    check: () => verdict(() => api.get('/orders', { limit: 1 })), renew: () => session.renew(),
  });
  socket.start();
}

async function showList() {
  state.id = null;
  state.order = null;
  dropPosition();
  map.setOrder(null);
  try {
    const { orders } = await api.get('/orders', { limit: 50 });
    if (!state.id) panel.list(orders, (id) => { location.hash = `order=${encodeURIComponent(id)}`; });
  } catch (error) {
    if (error.status === 401 && await session.renew()) return showList();
    panel.failure(`Your orders cannot be read: ${error.message}`);
  }
  return undefined;
}

function route() {
  const id = orderIdInAddress();
  return id ? openOrder(id) : showList();
}

async function start() {
  await session.ensure();
  const container = $('#map');
  const view = await createView(container, { theme: theme() });
  mapProblem(view);
  zoomButtons(view);
  themeButton($('#theme'));
  onTheme((next) => view.setTheme(next));
  map = new CustomerMap(container, view, padding);
  map.onFollow = (on) => $('#recentre').setAttribute('aria-pressed', String(on));
  $('#recentre').addEventListener('click', () => map.recentre());
  $('#again').addEventListener('click', orderAgain);
  $('#all-orders').addEventListener('click', () => { location.hash = ''; });
  addEventListener('hashchange', async () => {
    await route();
    // What had the focus is gone: it goes on with what came instead.
    $(state.order ? '#card' : '#list').focus();
  });
  setInterval(render, RENDER_MS);
  setInterval(() => !state.id && showList(), LIST_MS);
  await route();
  // For the console and the browser tests: the page's own view of things, read only by convention.
  globalThis.beelinePage = { map: view.map, kind: view.kind, state, drawn: () => map.drawn(), ended: () => ENDED.has(state.order?.status) };
  document.documentElement.dataset.ready = 'true';
}

start();
