// Drivers, the selected order and the cells' numbers, drawn on the canvas above the map.
import { colours } from './colours.js';
import { reducedMotion } from './dom.js';
import { pressure } from './fleet.js';
import { Overlay } from './overlay.js';

/** Above this many drivers the canvas is redrawn at 30 Hz and thinned where they would overlap. */
const MANY = 500;
const THIN_CELL_PX = 11;
const THIN_ZOOM_K = 512 * 2 ** 12.5;
const HIT_PX = 16;
const MARGIN_PX = 20;

const ARROW = new Path2D('M0-8.5 5.6 7 0 3.6-5.6 7z');
const SQUARE = new Path2D('M-4.5-4.5h9v9h-9z');
const DOT = new Path2D();
DOT.arc(0, 0, 5.2, 0, 7);

export class OperatorCanvas {
  constructor(container, view, fleet) {
    this.view = view;
    this.fleet = fleet;
    this.selected = { driver: null, order: null };
    this.showCells = true;
    this.spots = [];
    this.thinned = 0;
    this.overlay = new Overlay(container, view, (ctx, frame) => this.#draw(ctx, frame));
  }

  /** Id of the driver nearest to a point of the view, or null. */
  hit({ x, y }) {
    let best = null;
    let least = HIT_PX ** 2;
    for (const spot of this.spots) {
      const d = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (d < least) {
        least = d;
        best = spot.id;
      }
    }
    return best;
  }

  /** Where a driver is drawn now: {longitude, latitude} or null. */
  positionOf(id) {
    return this.fleet.drivers.get(id)?.track.sample(performance.now(), reducedMotion.matches) ?? null;
  }

  #draw(ctx, frame) {
    this.overlay.limit(this.fleet.drivers.size > MANY ? 30 : 0);
    if (this.showCells) this.#drawCells(ctx, frame);
    this.#drawOrder(ctx, frame);
    this.#drawDrivers(ctx, frame);
  }

  #drawDrivers(ctx, { project, width, height }) {
    const now = performance.now();
    const thin = this.fleet.drivers.size > MANY && this.view.transform().k < THIN_ZOOM_K;
    const taken = new Set();
    this.spots = [];
    this.thinned = 0;
    for (const [id, entry] of this.fleet.drivers) {
      const at = entry.track.sample(now, reducedMotion.matches);
      if (!at) continue;
      const [x, y] = project(at.longitude, at.latitude);
      if (x < -MARGIN_PX || y < -MARGIN_PX || x > width + MARGIN_PX || y > height + MARGIN_PX) continue;
      if (thin && id !== this.selected.driver) {
        const key = Math.floor(x / THIN_CELL_PX) * 65_536 + Math.floor(y / THIN_CELL_PX);
        if (taken.has(key)) {
          this.thinned += 1;
          continue;
        }
        taken.add(key);
      }
      this.spots.push({ id, x, y });
      this.#drawDriver(ctx, { x, y, at, category: this.fleet.category(entry), stale: this.fleet.isStale(entry, now), selected: id === this.selected.driver });
    }
  }

  #drawDriver(ctx, { x, y, at, category, stale, selected }) {
    ctx.save();
    ctx.translate(x, y);
    ctx.globalAlpha = at.alpha;
    if (selected) {
      ctx.fillStyle = colours.honey;
      ctx.globalAlpha = 0.35 * at.alpha;
      ctx.beginPath();
      ctx.arc(0, 0, 18, 0, 7);
      ctx.fill();
      ctx.globalAlpha = at.alpha;
      ctx.scale(1.35, 1.35);
    }
    if (stale) {
      ctx.setLineDash([2.4, 2.2]);
      ctx.strokeStyle = colours.ink;
      ctx.lineWidth = 1.2;
      ctx.beginPath();
      ctx.arc(0, 0, 9, 0, 7);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.globalAlpha = 0.55 * at.alpha;
    }
    const shape = category === 'available' ? DOT : category === 'rest' ? SQUARE : ARROW;
    if (shape === ARROW && at.heading !== null) ctx.rotate((at.heading * Math.PI) / 180);
    const colour = category === 'busy' ? colours.ink : colours[category];
    ctx.lineJoin = 'round';
    // Hollow: on the way to collect. Solid: carrying. The difference does not need colour.
    ctx.lineWidth = category === 'pickup' ? 4.4 : 2.6;
    ctx.strokeStyle = colours.paper;
    ctx.stroke(shape);
    ctx.fillStyle = category === 'pickup' ? colours.paper : colour;
    ctx.fill(shape);
    if (category === 'pickup') {
      ctx.lineWidth = 2.2;
      ctx.strokeStyle = colour;
      ctx.stroke(shape);
    }
    ctx.restore();
  }

  #drawOrder(ctx, { project }) {
    const order = this.fleet.orders.get(this.selected.order);
    if (!order) return;
    const pickup = project(order.pickup.longitude, order.pickup.latitude);
    const dropoff = project(order.dropoff.longitude, order.dropoff.latitude);
    ctx.save();
    ctx.strokeStyle = colours.ink;
    ctx.globalAlpha = 0.6;
    ctx.lineWidth = 2;
    ctx.setLineDash([7, 7]);
    ctx.beginPath();
    ctx.moveTo(...pickup);
    ctx.lineTo(...dropoff);
    ctx.stroke();
    ctx.restore();
    for (const [[x, y], letter, colour] of [[pickup, 'P', '#15181e'], [dropoff, 'D', '#0a7a56']]) {
      ctx.save();
      ctx.fillStyle = colour;
      ctx.strokeStyle = '#ffffff';
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.arc(x, y, 10, 0, 7);
      ctx.fill();
      ctx.stroke();
      ctx.fillStyle = '#ffffff';
      ctx.font = '700 11px Inter, sans-serif';
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      ctx.fillText(letter, x, y + 0.5);
      ctx.restore();
    }
  }

  #drawCells(ctx, { project, width, height }) {
    ctx.save();
    ctx.font = '500 12px Inter, sans-serif';
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    for (const cell of this.fleet.cells.values()) {
      if (!cell.boundary || (!cell.open_orders && !cell.free_drivers)) continue;
      const ring = cell.boundary.map(([longitude, latitude]) => project(longitude, latitude));
      const x = ring.reduce((sum, p) => sum + p[0], 0) / ring.length;
      const y = ring.reduce((sum, p) => sum + p[1], 0) / ring.length;
      if (x < -200 || y < -200 || x > width + 200 || y > height + 200) continue;
      if (this.view.kind === 'flat') this.#fillCell(ctx, ring, cell);
      // Small on screen: the colour says enough, the numbers would only clutter.
      if (Math.abs(ring[0][1] - y) + Math.abs(ring[0][0] - x) < 34) continue;
      ctx.lineWidth = 3;
      ctx.strokeStyle = colours.paper;
      ctx.fillStyle = colours['cell-text'];
      const label = `${cell.open_orders} / ${cell.free_drivers}`;
      ctx.globalAlpha = 0.75;
      ctx.strokeText(label, x, y);
      ctx.globalAlpha = 1;
      ctx.fillText(label, x, y);
    }
    ctx.restore();
  }

  // Without a map there is no layer below to hold the colour.
  #fillCell(ctx, ring, cell) {
    ctx.save();
    ctx.beginPath();
    ring.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    ctx.closePath();
    ctx.globalAlpha = 0.05 + 0.25 * pressure(cell);
    ctx.fillStyle = '#e0452c';
    ctx.fill();
    ctx.globalAlpha = 0.35;
    ctx.lineWidth = 1;
    ctx.strokeStyle = colours.rest;
    ctx.stroke();
    ctx.restore();
  }
}
