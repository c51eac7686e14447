import assert from 'node:assert/strict';
import test, { mock } from 'node:test';

/** A WebSocket whose server is the test. */
class FakeSocket {
  static OPEN = 1;
  static all = [];
  constructor(url, protocols) {
    Object.assign(this, { url: String(url), protocols, readyState: 0, sent: [] });
    FakeSocket.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; }
  hears(frame) {
    this.readyState = 1;
    this.onmessage({ data: JSON.stringify(frame) });
  }
  ends(code, reason = '') { this.onclose({ code, reason }); }
}

const listeners = {};
globalThis.WebSocket = FakeSocket;
globalThis.location = { href: 'http://host/track' };
globalThis.addEventListener = (name, listener) => { (listeners[name] ??= []).push(listener); };
const { LiveSocket } = await import('../../../static/js/socket.js');

const WELCOME = { type: 'welcome', session: 's', heartbeat_s: 15, server_time: '2026-01-01T00:00:00.000Z' };

function opened() {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  FakeSocket.all.length = 0;
  const states = [];
  const socket = new LiveSocket({
    path: '/ws/customer', token: () => 'JWT', onOpen: (send) => send({ type: 'subscribe', order_id: 'o1' }),
    onFrame: () => {}, onState: ({ state }) => states.push(state), check: async () => 'retry', renew: async () => true,
  });
  socket.start();
  return { socket, states };
}

test('the token is offered as a subprotocol and never in the address', () => {
  opened();
  assert.equal(FakeSocket.all[0].url, 'ws://host/ws/customer');
  assert.deepEqual(FakeSocket.all[0].protocols, ['beeline.v1', 'bearer.JWT']);
});

test('every welcome subscribes, also after a reconnect', () => {
  const { states } = opened();
  FakeSocket.all[0].hears(WELCOME);
  assert.deepEqual(FakeSocket.all[0].sent, [{ type: 'subscribe', order_id: 'o1' }]);
  FakeSocket.all[0].ends(1012, 'retry_ms=50');
  mock.timers.tick(49);
  assert.equal(FakeSocket.all.length, 1);
  mock.timers.tick(1);
  FakeSocket.all[1].hears(WELCOME);
  assert.equal(FakeSocket.all[1].sent.length, 1);
  assert.deepEqual(states, ['connecting', 'live', 'waiting', 'connecting', 'live']);
});

test('a silent link is asked, and given up only when it does not answer', () => {
  opened();
  const [first] = FakeSocket.all;
  first.hears(WELCOME);
  mock.timers.tick(15_000);
  mock.timers.tick(15_000);
  assert.match(first.sent[1].id, /^probe-/);
  first.hears({ type: 'ok', id: first.sent[1].id });
  mock.timers.tick(5_000);
  assert.equal(FakeSocket.all.length, 1, 'it answered');
  for (let i = 0; i < 3; i += 1) mock.timers.tick(15_000);
  mock.timers.tick(5_000);
  mock.timers.tick(400);
  assert.equal(FakeSocket.all.length, 2, 'it did not');
});

test('a connection that is never welcomed is given up', () => {
  opened();
  mock.timers.tick(8_000);
  mock.timers.tick(400);
  assert.equal(FakeSocket.all.length, 2);
});

test('going offline is said at once and coming online reconnects at once', () => {
  const { states } = opened();
  FakeSocket.all[0].hears(WELCOME);
  listeners.offline.at(-1)();
  assert.equal(states.at(-1), 'waiting');
  listeners.online.at(-1)();
  assert.equal(FakeSocket.all.length, 2);
});

test('the server clock is taken from the welcome', () => {
  const { socket } = opened();
  FakeSocket.all[0].hears(WELCOME);
  assert.equal(socket.now(), Date.parse(WELCOME.server_time));
});
