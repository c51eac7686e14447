// One visit to a page by a person with a given screen: watches the console and every request, and
// holds the checks that any page must pass.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const WAIT_MS = 30_000;
// Software rendering complains about the screenshots themselves.
const HARMLESS = /GPU stall due to ReadPixels/;
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const SCREENS = [
  { name: 'desktop-light', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  { name: 'desktop-dark', viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
  { name: 'phone-light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { name: 'phone-dark', viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
];

export class Visit {
  /** `options` as for a Playwright context. */
  static async open(browser, base, options = {}) {
    const visit = new Visit();
    visit.base = base;
    visit.console = [];
    visit.requests = [];
    visit.context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    visit.context.setDefaultTimeout(WAIT_MS);
    visit.context.on('request', (request) => visit.requests.push(request.url()));
    visit.page = await visit.context.newPage();
    visit.page.on('websocket', (socket) => visit.requests.push(socket.url()));
    visit.page.on('pageerror', (error) => visit.console.push(`uncaught: ${error.message}`));
    visit.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !HARMLESS.test(message.text())) visit.console.push(`${message.type()}: ${message.text()}`);
    });
    return visit;
  }

  async go(path) {
    const response = await this.page.goto(this.base + path);
    await this.page.waitForSelector('html[data-ready]');
    return response;
  }

  async tiles() {
    await this.page.waitForFunction(() => globalThis.beelinePage.map.areTilesLoaded());
  }

  async shot(name) {
    const folder = process.env.BEELINE_SHOTS;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  /** Nothing in the console, no request to another host, no token in an address. */
  clean() {
    assert.deepEqual(this.console, []);
    const { host } = new URL(this.base);
    for (const address of this.requests) {
      const url = new URL(address);
      assert.ok(['data:', 'blob:'].includes(url.protocol) || url.host === host, `request to ${url.host}`);
      assert.doesNotMatch(address.split('#')[0], /eyJ|token=/, 'token in an address');
    }
  }

  /** No serious or critical accessibility violation. Call `clean` before: axe itself trips over the policy. */
  async accessible() {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'], preload: false }));
    const serious = violations.filter((each) => ['serious', 'critical'].includes(each.impact));
    assert.deepEqual(serious.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(' ')).join(', ')}`), []);
  }

  /** The attribution of the map data can be seen: inside the window and covered by nothing. */
  async attributed() {
    const covered = await this.page.evaluate(() => {
      const node = document.querySelector('.attribution');
      const box = node.getBoundingClientRect();
      if (box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight) return 'outside the window';
      for (const part of [0.05, 0.5, 0.95]) {
        const top = document.elementFromPoint(box.left + part * box.width, box.top + box.height / 2);
        if (!node.contains(top)) return `covered by ${top?.id || top?.className}`;
      }
      return null;
    });
    assert.equal(covered, null);
  }

  /** Presses Tab until every selector had the focus. */
  async reachableByKeyboard(selectors, presses = 60) {
    const left = new Set(selectors);
    for (let i = 0; i < presses && left.size; i += 1) {
      await this.page.keyboard.press('Tab');
      for (const selector of left) {
        if (await this.page.evaluate((each) => document.activeElement.matches(each), selector)) left.delete(selector);
      }
    }
    assert.deepEqual([...left], []);
  }

  async close() {
    await this.context.close();
  }
}
