// What both pages share around the map: the banner, the token form, zoom buttons, attribution.
import { $, el, text } from './dom.js';
import { adoptFragment, claims, devTokenFor, forget, store, stored } from './token.js';

/** Shows or hides the banner at the top: `null`, or `{text, spin, action: {label, run}}`. */
export function banner(content) {
  const node = $('#banner');
  node.hidden = !content;
  if (!content) return;
  node.classList.toggle('spin', Boolean(content.spin));
  text($('#banner-text'), content.text);
  const button = $('#banner-action');
  button.hidden = !content.action;
  text(button, content.action?.label ?? '');
  button.onclick = content.action?.run ?? null;
}

/** Says once, in a corner of the map, why the map is not whole. */
export function mapProblem(view) {
  const note = $('#map-problem');
  note.hidden = !view.problem;
  text(note, view.problem ?? '');
}

export function zoomButtons(view) {
  $('#zoom-in').addEventListener('click', () => view.zoomBy(1));
  $('#zoom-out').addEventListener('click', () => view.zoomBy(-1));
}

/** The tab's token for a role: current(), renew(), and the form that asks for one. */
export class Session {
  constructor(role) {
    this.role = role;
    adoptFragment(role);
    this.token = stored(role);
  }

  current() {
    return this.token;
  }

  get subject() {
    return claims(this.token ?? '').sub ?? '';
  }

  /** Makes sure there is a token, asking the person if need be. */
  async ensure() {
    if (!this.token && this.role === 'operator') await this.#fromDev();
    if (!this.token) await this.#ask('Paste a token to go on.');
  }

  /** After the server refused the token: a new one, from dev mode or from the person. */
  async renew() {
    const old = this.token;
    forget(this.role);
    await this.#fromDev(claims(old ?? '').sub);
    if (!this.token || this.token === old) await this.#ask('The token has expired or is not valid. Paste a new one.');
    return true;
  }

  async #fromDev(subject) {
    const token = await devTokenFor(this.role, subject);
    if (token) this.#take(token);
  }

  #take(token) {
    store(this.role, token);
    this.token = token.trim();
  }

  #ask(why) {
    return new Promise((resolve) => {
      const dialog = $('#token-dialog');
      text($('#token-why'), why);
      $('#token-form').onsubmit = (event) => {
        event.preventDefault();
        const value = $('#token-input').value.trim();
        if (!value) return;
        $('#token-input').value = '';
        this.#take(value);
        dialog.close();
        resolve();
      };
      // Without a token there is nothing behind the dialog, so Escape must not close it.
      dialog.oncancel = (event) => event.preventDefault();
      if (!dialog.open) dialog.showModal();
    });
  }
}

/** Verdict for LiveSocket.check: what an HTTP answer says about a refused handshake. */
export async function verdict(call) {
  try {
    await call();
    return 'retry';
  } catch (error) {
    if (error.status === 401) return 'token';
    return error.status === 403 ? 'stop' : 'retry';
  }
}

/** A list item that holds a button, for lists one can walk with the keyboard. */
export function buttonItem(onclick, ...children) {
  return el('li', {}, el('button', { type: 'button', class: 'row', onclick }, ...children));
}
