// What people must be able to see and do on the pages. One behaviour a test.
import assert from 'node:assert/strict';
import { startProxy, until } from './harness.mjs';
import { SCREENS, Visit } from './visit.mjs';

export const tests = [];
const story = (name, run) => tests.push({ name, run });

/** A visit that is closed whatever happens, with a picture of where it failed. */
async function visiting({ browser, base }, options, run) {
  const visit = await Visit.open(browser, base, options);
  try {
    await run(visit, visit.page);
  } catch (error) {
    await visit.shot(`failed-${Date.now()}`).catch(() => {});
    throw error;
  } finally {
    await visit.close();
  }
}

const devTokens = async (base) => (await fetch(`${base}/dev/tokens`)).json();

/** `{order, token}` of a delivery under way whose customer has a ready token, and whose driver has been seen. */
async function underWay(base) {
  const tokens = await devTokens(base);
  const headers = { authorization: `Bearer ${tokens.operator}` };
  const byCustomer = new Map(tokens.customers.map((each) => [each.customer_id, each.token]));
  return until('delivery under way', async () => {
    for (const status of ['picked_up', 'assigned']) {
      const { orders } = await (await fetch(`${base}/api/v1/orders?status=${status}&limit=100`, { headers })).json();
      // The newest has the longest way to go, so that it does not end in the middle of a test.
      for (const order of orders.sort((a, b) => b.updated_at.localeCompare(a.updated_at))) {
        if (!byCustomer.has(order.customer_id)) continue;
        const seen = await fetch(`${base}/api/v1/orders/${order.order_id}/driver-location`, { headers });
        if (seen.ok) return { order, token: byCustomer.get(order.customer_id) };
      }
    }
    return null;
  }, 90_000);
}

const track = ({ order, token }) => `/track#order=${order.order_id}&token=${token}`;
const text = (page, selector) => page.locator(selector).textContent();

story('the start page opens a delivery under way', (world) => visiting(world, {}, async (visit, page) => {
  await underWay(world.base);
  const response = await visit.go('/');
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  await page.locator('#deliveries .row').first().waitFor();
  await visit.shot('start');
  await page.locator('#deliveries .row').first().click();
  await page.waitForURL('**/track#order=*');
  await page.locator('#card').waitFor();
  visit.clean();
  await visit.go('/');
  await page.locator('#deliveries .row').first().waitFor();
  await visit.accessible();
}));

for (const { name, ...screen } of SCREENS) {
  story(`operator page, ${name}`, (world) => visiting(world, screen, async (visit, page) => {
    await visit.go('/operator');
    await page.locator('html[data-link=live]').waitFor();
    await until('driver on the map', () => page.evaluate(() => globalThis.beelinePage.spots().length));
    await visit.tiles();
    await page.locator('#orders .row').first().waitFor();
    await until('figures of the gateway', async () => /\d/.test(await text(page, '#rate-now')) && /\d/.test(await text(page, '#latency-now')));
    await visit.attributed();
    await visit.shot(`operator-${name}`);
    visit.clean();
    await visit.accessible();
  }));

  story(`customer page, ${name}`, (world) => visiting(world, screen, async (visit, page) => {
    await visit.go(track(await underWay(world.base)));
    assert.doesNotMatch(page.url(), /token/);
    await until('live position', async () => /^Live position/.test(await text(page, '#last-seen')));
    await visit.tiles();
    assert.match(await text(page, '#eta'), /min|moment|h \d\d|Soon/);
    await visit.attributed();
    await visit.shot(`customer-${name}`);
    visit.clean();
    await visit.accessible();
  }));
}

story('drivers move on the operator page', (world) => visiting(world, {}, async (visit, page) => {
  await visit.go('/operator');
  const positions = () => page.evaluate(() => {
    const { fleet, positionOf } = globalThis.beelinePage;
    return [...fleet.drivers.keys()].map((id) => [id, positionOf(id)]).filter(([, at]) => at);
  });
  await until('drivers', async () => (await positions()).length > 10);
  const before = new Map(await positions());
  await until('ten drivers who moved', async () => {
    const now = await positions();
    return now.filter(([id, at]) => before.has(id) && Math.hypot(at.latitude - before.get(id).latitude, at.longitude - before.get(id).longitude) > 1e-5).length >= 10;
  });
}));

story('the operator follows an order and cancels it', (world) => visiting(world, {}, async (visit, page) => {
  await visit.go('/operator');
  await page.locator('#orders .row').first().click();
  await page.locator('#detail h3').waitFor();
  const id = await page.locator('#detail h3').getAttribute('title');
  await page.locator('#detail [data-act=cancel]').click();
  await page.locator('#detail [data-act=cancel]', { hasText: 'Really cancel?' }).click();
  await until('cancelled order', async () => {
    const headers = { authorization: `Bearer ${(await devTokens(world.base)).operator}` };
    return (await (await fetch(`${world.base}/api/v1/orders/${id}`, { headers })).json()).status === 'cancelled';
  });
  await page.locator('#detail dd', { hasText: 'Cancelled' }).waitFor();
  visit.clean();
  await visit.accessible();
}));

// Row 29 of docs/hostile.md.
story('what an attacker wrote is shown as text', (world) => visiting(world, {}, async (visit, page) => {
  const script = '<script>globalThis.beaten = 1</script><img src=x onerror="globalThis.beaten = 2">"><svg/onload=alert(3)>';
  const ready = await fetch(`${world.base}/dev/tokens?role=customer&subject=attacker`);
  const { token } = (await ready.json()).wanted;
  const spot = (latitude, longitude) => ({ latitude, longitude, address: script });
  const placed = await fetch(`${world.base}/api/v1/orders`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      kind: 'food', pickup: spot(43.7696, 11.2558), dropoff: spot(43.7796, 11.2458), note: script,
      items: [{ name: script, quantity: 1, unit_price: 100 }],
    }),
  });
  const order = await placed.json();
  assert.equal(placed.status, 201, order.detail);
  const untouched = async (where) => {
    assert.equal(await page.evaluate(() => globalThis.beaten), undefined, where);
    const strays = await page.locator('body img[src=x], body svg[onload], body script:not([src])').count();
    assert.equal(strays, 0, `${where}: it became part of the page`);
  };
  await visit.go('/operator');
  await page.locator('#query').fill(order.order_id);
  const row = page.locator('#orders .row').first();
  await until('the order in the list', async () => (await row.textContent()).includes(script));
  await row.click();
  await until('the order in full', async () => (await text(page, '#detail')).includes(script));
  await untouched('operator page');
  visit.clean();
  await visit.go(track({ order, token }));
  await page.locator('#card').waitFor();
  await untouched('customer page');
  visit.clean();
}));

story('the marker glides: it moves, and never more than 12 px at once', (world) => visiting(world, {}, async (visit, page) => {
  await visit.go(track(await underWay(world.base)));
  await until('a marker', () => page.evaluate(() => globalThis.beelinePage.drawn()));
  const steps = await page.evaluate(async () => {
    const scale = 512 * 2 ** 15;
    const found = [];
    let last = null;
    const end = performance.now() + 12_000;
    while (performance.now() < end) {
      await new Promise(requestAnimationFrame);
      const at = globalThis.beelinePage.drawn();
      if (!at) break;
      const here = [(at.longitude / 360) * scale, (at.latitude / 360) * scale * 1.39];
      if (last) found.push(Math.hypot(here[0] - last[0], here[1] - last[1]));
      last = here;
    }
    return found;
  });
  assert.ok(steps.length > 30, `${steps.length} frames`);
  assert.ok(Math.max(...steps) <= 12, `a step of ${Math.max(...steps)} px`);
  assert.ok(steps.filter((step) => step > 0).length > 10, 'it moved');
}));

story('with reduced motion the newest position is shown itself', (world) => visiting(world, { reducedMotion: 'reduce' }, async (visit, page) => {
  await visit.go('/operator');
  await until('drivers', () => page.evaluate(() => globalThis.beelinePage.fleet.drivers.size));
  const snapped = await page.evaluate(() => {
    const { fleet, positionOf } = globalThis.beelinePage;
    return [...fleet.drivers.keys()].every((id) => {
      const at = positionOf(id);
      return at.latitude === fleet.drivers.get(id).track.newest.latitude;
    });
  });
  assert.ok(snapped);
}));

for (const [name, path, live] of [
  ['customer', async (base) => track(await underWay(base)), async (page) => /^Live position/.test(await text(page, '#last-seen'))],
  ['operator', async () => '/operator', async (page) => (await text(page, '#link')) === 'Live'],
]) {
  story(`the ${name} page says when the connection is lost and comes back by itself`, async (world) => {
    const proxy = await startProxy(world.base);
    try {
      await visiting({ ...world, base: proxy.base }, {}, async (visit, page) => {
        await visit.go(await path(world.base));
        await until('live page', () => live(page));
        assert.ok(await page.locator('#banner').isHidden());
        proxy.cut(2_500);
        await page.locator('#banner', { hasText: 'Reconnecting' }).waitFor();
        await visit.shot(`${name}-reconnecting`);
        await page.locator('#banner').waitFor({ state: 'hidden' });
        await until('live page again', () => live(page));
      });
    } finally {
      proxy.stop();
    }
  });
}

story('a customer orders the same again and follows it', (world) => visiting(world, {}, async (visit, page) => {
  const { order, token } = await underWay(world.base);
  const { operator } = await devTokens(world.base);
  const cancelled = await fetch(`${world.base}/api/v1/orders/${order.order_id}/cancel`, {
    method: 'POST', headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' }, body: '{}',
  });
  assert.equal(cancelled.status, 200);
  await visit.go(track({ order, token }));
  assert.match(await text(page, '#sentence'), /cancelled/);
  await page.locator('#again').click();
  await page.waitForFunction((old) => globalThis.beelinePage.state.order && globalThis.beelinePage.state.id !== old, order.order_id);
  assert.ok(await page.locator('#again-row').isHidden());
  visit.clean();
}));

story('on a phone the sheet opens to all steps, and the list of orders is one step away', (world) => visiting(world, { viewport: { width: 390, height: 844 } }, async (visit, page) => {
  await visit.go(track(await underWay(world.base)));
  assert.ok(await page.locator('#timeline').isHidden());
  await page.locator('#sheet-handle').click();
  await page.locator('#timeline li.now').waitFor();
  await visit.accessible();
  await visit.shot('customer-phone-open');
  await page.locator('#all-orders').click();
  await page.locator('#orders .row').first().waitFor();
  await visit.accessible();
  await visit.shot('customer-phone-list');
  await page.locator('#orders .row').first().click();
  await page.locator('#card').waitFor();
}));

story('where sockets fail the customer page polls', (world) => visiting(world, {}, async (visit, page) => {
  const delivery = await underWay(world.base);
  await page.routeWebSocket('**/ws/customer', (socket) => socket.close({ code: 1011, reason: 'out of order' }));
  await visit.go(track(delivery));
  await page.locator('#banner', { hasText: 'every 10 s' }).waitFor();
  await until('polled position', () => visit.requests.some((url) => url.endsWith(`/orders/${delivery.order.order_id}/driver-location`)));
  await until('a marker', () => page.evaluate(() => globalThis.beelinePage.drawn()));
  visit.clean();
}));

for (const [code, words] of [[4409, 'open in another window'], [4403, 'cannot be shown']]) {
  story(`a socket closed with ${code} is not opened again by itself`, (world) => visiting(world, {}, async (visit, page) => {
    let opened = 0;
    await page.routeWebSocket('**/ws/customer', (socket) => {
      opened += 1;
      socket.close({ code, reason: '' });
    });
    await page.clock.install();
    await visit.go(track(await underWay(world.base)));
    await page.locator('#banner', { hasText: words }).waitFor();
    // The page's own clock is moved on by more than several back-offs.
    await page.clock.runFor(20_000);
    assert.equal(opened, 1);
  }));
}

story('a refused token is replaced without asking in dev mode', (world) => visiting(world, {}, async (visit, page) => {
  let opened = 0;
  await page.routeWebSocket('**/ws/operator', (socket) => {
    opened += 1;
    if (opened === 1) socket.close({ code: 4401, reason: 'expired' });
    else socket.connectToServer();
  });
  await visit.go('/operator');
  await until('a second socket', () => opened === 2);
  assert.ok(await page.locator('#token-dialog').isHidden());
}));

story('outside dev mode the pages ask for a token and keep it in the tab', (world) => visiting(world, {}, async (visit, page) => {
  const { operator } = await devTokens(world.base);
  await page.route('**/dev/tokens', (route) => route.fulfill({ status: 404 }));
  await visit.go('/');
  await page.locator('#plain-form').waitFor();
  await visit.accessible();
  await page.goto(`${world.base}/operator`);
  await page.locator('#token-dialog').waitFor();
  await page.keyboard.press('Escape');
  await visit.accessible();
  await page.locator('#token-input').fill(operator);
  await page.locator('#token-form button').click();
  await page.locator('html[data-link=live]').waitFor();
  assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie]), [0, '']);
}));

story("another customer's order looks like none", (world) => visiting(world, {}, async (visit, page) => {
  const { order } = await underWay(world.base);
  const other = (await devTokens(world.base)).customers.find((each) => each.customer_id !== order.customer_id);
  await visit.go(track({ order, token: other.token }));
  await page.locator('#list-empty', { hasText: 'no such order' }).waitFor();
  assert.ok(await page.locator('#card').isHidden());
}));

story('the main controls are reached with the keyboard', (world) => visiting(world, {}, async (visit, page) => {
  await visit.go('/operator');
  await page.locator('#orders .row').first().waitFor();
  await visit.reachableByKeyboard(['#cells-toggle', '#theme', '#zoom-in', '#filter', '#query', '#orders .row']);
  await page.keyboard.press('Enter');
  await page.locator('#detail').waitFor();
  await visit.go(track(await underWay(world.base)));
  await page.locator('#card').waitFor();
  await visit.reachableByKeyboard(['#recentre', '#theme', '#zoom-in', '#all-orders']);
}));

story('the theme button changes map and page and is remembered', (world) => visiting(world, { colorScheme: 'light' }, async (visit, page) => {
  await visit.go('/operator');
  await visit.tiles();
  await page.locator('#theme').click();
  await page.locator('html[data-theme=dark]').waitFor();
  await visit.tiles();
  await page.reload();
  await page.locator('html[data-theme=dark]').waitFor();
  visit.clean();
}));

story('without WebGL everything but the tiles is there', (world) => visiting(world, {}, async (visit, page) => {
  await page.addInitScript(() => {
    const original = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function getContext(kind, ...rest) {
      return /webgl/.test(kind) ? null : original.call(this, kind, ...rest);
    };
  });
  await visit.go('/operator');
  await page.locator('#map-problem', { hasText: 'no WebGL' }).waitFor();
  await until('driver on the flat map', () => page.evaluate(() => globalThis.beelinePage.spots().length));
  await visit.shot('operator-no-webgl');
}));

story('without the map library the page says what to do and still shows drivers', (world) => visiting(world, {}, async (visit, page) => {
  await page.route('**/vendor/**', (route) => route.fulfill({ status: 404 }));
  await visit.go('/operator');
  await page.locator('#map-problem', { hasText: 'make demo' }).waitFor();
  await until('driver on the flat map', () => page.evaluate(() => globalThis.beelinePage.spots().length));
}));

story('the page of calls shows them all and makes one, within its policy', (world) => visiting(world, {}, async (visit, page) => {
  const response = await visit.go('/docs');
  assert.doesNotMatch(response.headers()['content-security-policy'], /unsafe|\*/);
  const call = page.locator('.opblock', { has: page.locator('[data-path="/healthz"]') });
  await call.locator('.opblock-summary-control').click();
  await call.getByRole('button', { name: 'Try it out' }).click();
  await call.getByRole('button', { name: 'Execute' }).click();
  await call.locator('.live-responses-table', { hasText: '"status": "ok"' }).waitFor();
  const calls = await page.locator('.opblock').count();
  assert.ok(calls > 20, `${calls} calls`);
  visit.clean();
  await page.goto(`${world.base}/docs/errors`);
  await page.locator('#unauthorized').waitFor();
  visit.clean();
}));
