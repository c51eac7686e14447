// The operator page: the city live. Glue between socket, fleet, canvas, list and charts.
import { Api } from './api.js';
import { Charts } from './charts.js';
import { banner, mapProblem, Session, verdict, zoomButtons } from './chrome.js';
import { $, text } from './dom.js';
import { CATEGORIES, Fleet } from './fleet.js';
import { count } from './format.js';
import { createView } from './map.js';
import { OperatorCanvas } from './operator-canvas.js';
import { OrdersList } from './orders-list.js';
import { Selection } from './selection.js';
import { LiveSocket } from './socket.js';
import { onTheme, theme, themeButton } from './theme.js';

const WATCH_DEBOUNCE_MS = 300;
const PANEL_MS = 500;
const CELLS_MS = 2_000;
const FOLLOW_MS = 1_000;
const FOLLOW_SLACK_PX = 90;
const LINK_WORDS = { connecting: 'Connecting', live: 'Live', waiting: 'Reconnecting', stopped: 'Stopped' };

const session = new Session('operator');
const api = new Api(() => session.current());
const fleet = new Fleet();
let view;
let canvas;
let socket;
let following = null;

const selection = new Selection(fleet, api, { onChange: onSelected });
const list = new OrdersList(fleet, (pick) => selection.choose(pick));

function watch(send) {
  const [w, s, e, n] = view.bounds().map((degrees) => Math.round(degrees * 1e5) / 1e5);
  send({ type: 'watch', bbox: [w, s, e, n], layers: ['drivers', 'orders', 'cells'] });
}

function onFrame(frame) {
  const now = performance.now();
  if (frame.type === 'snapshot') fleet.snapshot(frame, now);
  else if (frame.type === 'delta') fleet.delta(frame, now);
  else if (frame.type === 'error') banner({ text: `The server refused: ${frame.detail ?? frame.code}` });
  else if (frame.type === 'alert') {
    const action = frame.order_id ? { label: 'Show', run: () => selection.choose({ order: frame.order_id }) } : { label: 'Close', run: () => banner(null) };
    banner({ text: frame.detail ?? frame.code, action });
  }
}

function onSocketState({ state, why }) {
  document.documentElement.dataset.link = state;
  text($('#link'), LINK_WORDS[state]);
  if (state === 'live') banner(null);
  if (state === 'waiting') banner({ text: 'Reconnecting. Showing the last known positions', spin: true });
  if (state === 'stopped' && why === 'replaced') banner({ text: 'This view is open elsewhere', action: { label: 'Show it here', run: () => socket.retryNow() } });
  if (state === 'stopped' && why === 'forbidden') banner({ text: 'This sign-in may not see operations', action: { label: 'Sign in', run: () => session.renew().then(() => socket.retryNow()) } });
}

function panels() {
  if (document.hidden) return;
  const counts = fleet.counts(performance.now());
  for (const name of CATEGORIES) text($(`#count-${name}`), count(counts[name]));
  $('#legend-busy').hidden = !counts.busy;
  text($('#count-busy'), count(counts.busy));
  text($('#count-stale'), count(counts.stale));
  text($('#stat-orders'), count(fleet.orders.size));
  text($('#stat-view'), count(canvas.spots.length + canvas.thinned));
  $('#legend-thinned').hidden = !canvas.thinned;
  text($('#thinned'), canvas.thinned ? `${count(canvas.thinned)} more: zoom in` : '');
  list.render();
  selection.render();
}

let cellsShown = -1;
function cells() {
  if (!canvas.showCells || cellsShown === fleet.cellsVersion) return;
  cellsShown = fleet.cellsVersion;
  view.setCells(fleet.cellsGeoJson());
}

function onSelected() {
  list.selected = selection.order ? `o:${selection.order}` : selection.driver ? `d:${selection.driver}` : null;
  canvas.selected = { driver: selection.driver, order: selection.order };
  setFollowing(Boolean(selection.driver));
  const order = fleet.orders.get(selection.order);
  if (!selection.driver && order) view.goTo([order.pickup.longitude, order.pickup.latitude], { offset: freeCentre() });
  list.render();
}

/** From the middle of the window to the middle of what the panel leaves free, in pixels. */
function freeCentre() {
  const side = $('.side').getBoundingClientRect();
  return side.left > innerWidth / 4 ? [(side.left - innerWidth) / 2, 0] : [0, (side.top - innerHeight) / 2];
}

function setFollowing(on) {
  following = on;
  $('#unfollow').hidden = !on;
  if (on) follow();
}

function follow() {
  if (!following) return;
  canvas.selected.driver = selection.driver;
  const at = canvas.positionOf(selection.driver);
  const spot = canvas.spots.find((each) => each.id === selection.driver);
  const [width, height] = view.size();
  const [dx, dy] = freeCentre();
  // Each camera movement is a new area and so a whole snapshot: a driver near the middle is left to move.
  if (spot && Math.hypot(spot.x - width / 2 - dx, spot.y - height / 2 - dy) < FOLLOW_SLACK_PX) return;
  if (at) view.goTo([at.longitude, at.latitude], { offset: [dx, dy] });
}

function toggleCells(event) {
  canvas.showCells = !canvas.showCells;
  event.currentTarget.setAttribute('aria-pressed', String(canvas.showCells));
  cellsShown = -1;
  if (canvas.showCells) cells();
  else view.setCells({ type: 'FeatureCollection', features: [] });
}

function wireView() {
  mapProblem(view);
  zoomButtons(view);
  view.on('drag', () => setFollowing(false));
  view.on('click', (point) => {
    const driver = canvas.hit(point);
    if (driver) selection.choose({ driver });
  });
  let timer = null;
  view.on('moveend', () => {
    clearTimeout(timer);
    timer = setTimeout(() => watch((message) => socket.send(message)), WATCH_DEBOUNCE_MS);
  });
}

async function start() {
  themeButton($('#theme'));
  await session.ensure();
  const container = $('#map');
  view = await createView(container, { theme: theme() });
  canvas = new OperatorCanvas(container, view, fleet);
  socket = new LiveSocket({
    path: '/ws/operator', token: () => session.current(), onOpen: watch, onFrame, onState: onSocketState,
    check: () => verdict(() => api.get('/orders', { limit: 1 })), renew: () => session.renew(),
  });
  wireView();
  const charts = new Charts((live) => text($('#stat-live'), live === null ? '–' : count(live)));
  onTheme((next) => {
    view.setTheme(next);
    charts.draw();
  });
  list.serverNow = () => socket.now();
  $('#cells-toggle').addEventListener('click', toggleCells);
  $('#unfollow').addEventListener('click', () => setFollowing(false));
  setInterval(panels, PANEL_MS);
  setInterval(cells, CELLS_MS);
  setInterval(follow, FOLLOW_MS);
  socket.start();
  // For the console and the browser tests: the page's own view of things, read only by convention.
  globalThis.beelinePage = { map: view.map, kind: view.kind, fleet, positionOf: (id) => canvas.positionOf(id), spots: () => canvas.spots };
  document.documentElement.dataset.ready = 'true';
}

start();
