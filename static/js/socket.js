// One live socket that keeps itself alive: reconnects by the contract's close codes, asks for all it
// missed on resume, and finds out about links that died without saying so.
import { afterClose, delayMs, POLL_AFTER } from './backoff.js';

const CONNECT_TIMEOUT_MS = 8_000;
const PROBE_ANSWER_MS = 5_000;
const HEARTBEAT_S = 15;

export class LiveSocket {
  /**
   * `path` of the socket; `token()`; `onOpen(send)` on each new session, to (re)subscribe; `onFrame(frame)`;
   * `onState({state, why, failures})` with state connecting | live | waiting | stopped; `check()` after a
   * refused handshake, resolving to 'token', 'stop' or 'retry'; `renew()` resolving to true once there is a new token.
   */
  constructor({ path, token, onOpen, onFrame, onState, check, renew }) {
    Object.assign(this, { path, token, onOpen, onFrame, onState, check, renew });
    this.attempt = 0;
    this.socket = null;
    this.timers = new Set();
    this.heartbeatMs = HEARTBEAT_S * 1_000;
    this.heardAt = 0;
    this.clockOffset = 0;
    this.stopped = false;
    this.nextId = 1;
    addEventListener('offline', () => this.#drop('offline'));
    addEventListener('online', () => this.retryNow());
  }

  /** Server time in Unix milliseconds, by the last `welcome`. */
  now() {
    return Date.now() + this.clockOffset;
  }

  start() {
    this.stopped = false;
    this.#connect();
  }

  /** Leaves the waiting state at once; also the way back after a stop. */
  retryNow() {
    if (this.socket) return;
    this.#clear();
    this.start();
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Ends it for good (until `retryNow`). */
  stop(why) {
    this.stopped = true;
    this.#clear();
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    this.#tell('stopped', why);
  }

  #tell(state, why = null) {
    this.onState({ state, why, failures: this.attempt, poll: this.attempt >= POLL_AFTER });
  }

  #after(ms, action) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
    return timer;
  }

  #clear() {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  #connect() {
    this.#clear();
    this.#tell('connecting');
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    let socket;
    try {
      socket = new WebSocket(url, ['beeline.v1', `bearer.${this.token()}`]);
    } catch {
      // A token that cannot be a subprotocol cannot be right either.
      this.#needToken();
      return;
    }
    this.socket = socket;
    let welcomed = false;
    this.#after(CONNECT_TIMEOUT_MS, () => !welcomed && this.#lost(socket, 1006, 'timeout', false));
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.heardAt = Date.now();
      let frame;
      try {
        frame = JSON.parse(event.data);
      } catch {
        return;
      }
      if (frame.type === 'welcome' && !welcomed) {
        welcomed = true;
        this.#welcome(frame);
      }
      this.onFrame(frame);
    };
    socket.onclose = (event) => this.#lost(socket, event.code, event.reason, welcomed);
  }

  #welcome(frame) {
    this.#clear();
    this.attempt = 0;
    if (frame.heartbeat_s > 0) this.heartbeatMs = frame.heartbeat_s * 1_000;
    const server = Date.parse(frame.server_time);
    if (!Number.isNaN(server)) this.clockOffset = server - Date.now();
    this.#tell('live');
    this.onOpen((message) => this.send(message));
    this.#listen();
  }

  // Pings are answered by the browser out of sight, so silence here may be harmless: ask, by sending
  // the subscription again, and only an unanswered question is a dead link.
  #listen() {
    this.#after(this.heartbeatMs, () => {
      const quiet = Date.now() - this.heardAt;
      if (quiet < 2 * this.heartbeatMs) return this.#listen();
      const socket = this.socket;
      const asked = Date.now();
      this.onOpen((message) => this.send({ ...message, id: `probe-${this.nextId++}` }));
      return this.#after(PROBE_ANSWER_MS, () => {
        if (this.heardAt < asked) this.#lost(socket, 1006, 'silent', true);
        else this.#listen();
      });
    });
  }

  #drop(why) {
    if (this.socket) this.#lost(this.socket, 1006, why, true);
  }

  #lost(socket, code, reason, welcomed) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.#clear();
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
    if (this.stopped) return;
    const next = afterClose(code, reason);
    if (next.action === 'stop') return this.stop(next.why);
    if (next.action === 'token') return this.#needToken();
    const wait = next.afterMs ?? delayMs(this.attempt);
    this.attempt += 1;
    this.#tell('waiting', next.why);
    // A refused handshake shows no status to a page: ask over HTTP what was wrong, once in a while.
    if (!welcomed && this.attempt % 3 === 2) this.#diagnose();
    this.#after(wait, () => this.#connect());
  }

  async #diagnose() {
    const verdict = await this.check();
    if (this.stopped || this.socket?.readyState === WebSocket.OPEN) return;
    if (verdict === 'token') this.#needToken();
    if (verdict === 'stop') this.stop('forbidden');
  }

  async #needToken() {
    this.stop('token');
    if (await this.renew()) this.retryNow();
  }
}
