// What the customer sees on the map: trail, marker, pickup and home, and a straight hint ahead.
import { colours } from './colours.js';
import { reducedMotion } from './dom.js';
import { Overlay } from './overlay.js';
import { Track } from './motion.js';

const TRAIL = 400;
const BREATHE_MS = 2_000;

export class CustomerMap {
  constructor(container, view, paddingOf) {
    this.view = view;
    this.paddingOf = paddingOf;
    this.track = null;
    this.driverId = null;
    this.order = null;
    this.following = true;
    this.fittedAt = 0;
    this.onFollow = () => {};
    view.on('drag', () => this.#follow(false));
    this.overlay = new Overlay(container, view, (ctx, frame) => this.#draw(ctx, frame));
  }

  setOrder(order) {
    const first = this.order?.order_id !== order?.order_id;
    this.order = order;
    if (first && order) this.fit(false);
  }

  /** A position of the driver, `received` by the page's own clock. */
  position(location, received) {
    // Another driver is another marker: nothing glides from the one to the other.
    if (this.driverId !== location.driver_id) this.track = null;
    this.driverId = location.driver_id;
    this.track ??= new Track({ trail: TRAIL });
    const first = !this.track.newest;
    this.track.push({
      latitude: location.latitude, longitude: location.longitude, heading: location.heading ?? null,
      t: Date.parse(location.timestamp), ageMs: location.age_ms,
    }, received);
    if (first) this.fit(false);
  }

  gone() {
    this.track = null;
  }

  ageMs(now) {
    return this.track ? this.track.ageMs(now) : null;
  }

  recentre() {
    this.#follow(true);
    this.fit(true);
  }

  /** Where the marker is drawn now, for tests and for the curious in the console. */
  drawn() {
    return this.track?.sample(performance.now(), reducedMotion.matches) ?? null;
  }

  #follow(on) {
    this.following = on;
    this.onFollow(on);
  }

  #target() {
    if (!this.order) return null;
    const before = this.order.status === 'assigned' || this.order.status === 'at_pickup';
    return before ? this.order.pickup : this.order.dropoff;
  }

  fit(animate) {
    const places = [this.track?.newest, this.#target()].filter(Boolean);
    if (!this.track && this.order) places.push(this.order.pickup);
    if (!places.length) return;
    const west = Math.min(...places.map((p) => p.longitude));
    const east = Math.max(...places.map((p) => p.longitude));
    const south = Math.min(...places.map((p) => p.latitude));
    const north = Math.max(...places.map((p) => p.latitude));
    this.fittedAt = performance.now();
    this.view.fit([west, south, east, north], this.paddingOf(), { animate });
  }

  // Follows by moving the camera only when the marker nears the edge of the free part of the map:
  // a camera that moves all the time makes a smooth marker look restless.
  #keepInView(x, y, width, height, now) {
    if (!this.following || now - this.fittedAt < 2_000) return;
    const padding = this.paddingOf();
    const inside = x > padding.left - 20 && x < width - padding.right + 20 && y > padding.top - 20 && y < height - padding.bottom + 20;
    if (!inside || now - this.fittedAt > 20_000) this.fit(true);
  }

  #draw(ctx, { project, width, height }) {
    if (!this.order) return;
    const now = performance.now();
    const at = this.track?.sample(now, reducedMotion.matches) ?? null;
    const target = this.#target();
    const ended = this.order.status === 'delivered' || this.order.status === 'cancelled' || this.order.status === 'failed';
    if (at) {
      this.#drawTrail(ctx, project, at);
      if (target && !ended) this.#drawHint(ctx, project, at, target);
    }
    if (this.order.pickup) pin(ctx, project(this.order.pickup.longitude, this.order.pickup.latitude), 'pickup');
    if (this.order.dropoff) pin(ctx, project(this.order.dropoff.longitude, this.order.dropoff.latitude), 'home');
    if (!at) return;
    const [x, y] = project(at.longitude, at.latitude);
    marker(ctx, x, y, at, now);
    this.#keepInView(x, y, width, height, now);
  }

  #drawTrail(ctx, project, at) {
    ctx.save();
    ctx.strokeStyle = colours.honey;
    ctx.globalAlpha = 0.75;
    ctx.lineWidth = 5;
    ctx.lineCap = 'round';
    ctx.setLineDash([0.1, 10]);
    ctx.beginPath();
    const points = [...this.track.trail(), at];
    points.forEach((point, i) => {
      const [x, y] = project(point.longitude, point.latitude);
      if (i === 0 || point.breakBefore) ctx.moveTo(x, y);
      else ctx.lineTo(x, y);
    });
    ctx.stroke();
    ctx.restore();
  }

  // Nobody knows the route: a thin straight line says which way, not along which streets.
  #drawHint(ctx, project, at, target) {
    const from = project(at.longitude, at.latitude);
    const to = project(target.longitude, target.latitude);
    ctx.save();
    ctx.strokeStyle = colours.ink;
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = 2;
    ctx.setLineDash([7, 7]);
    ctx.beginPath();
    ctx.moveTo(...from);
    ctx.lineTo(...to);
    ctx.stroke();
    ctx.restore();
  }
}

function marker(ctx, x, y, at, now) {
  ctx.save();
  ctx.globalAlpha = at.alpha;
  ctx.translate(x, y);
  if (!at.stale) {
    const breath = reducedMotion.matches ? 0.5 : 0.5 + 0.5 * Math.sin((now / BREATHE_MS) * 2 * Math.PI);
    ctx.fillStyle = colours.honey;
    ctx.globalAlpha = at.alpha * (0.12 + 0.14 * breath);
    ctx.beginPath();
    ctx.arc(0, 0, 24 + 5 * breath, 0, 7);
    ctx.fill();
    ctx.globalAlpha = at.alpha;
  }
  ctx.shadowColor = 'rgb(0 0 0 / 35%)';
  ctx.shadowBlur = 8;
  ctx.shadowOffsetY = 2;
  ctx.fillStyle = at.stale ? colours.rest : colours.honey;
  ctx.beginPath();
  ctx.arc(0, 0, 19, 0, 7);
  ctx.fill();
  ctx.shadowColor = 'transparent';
  ctx.lineWidth = 3;
  ctx.strokeStyle = '#ffffff';
  ctx.stroke();
  ctx.fillStyle = '#15181e';
  ctx.beginPath();
  if (at.heading === null) ctx.arc(0, 0, 6, 0, 7);
  else {
    ctx.rotate((at.heading * Math.PI) / 180);
    ctx.moveTo(0, -11);
    ctx.lineTo(8, 9);
    ctx.lineTo(0, 5);
    ctx.lineTo(-8, 9);
    ctx.closePath();
  }
  ctx.fill();
  ctx.restore();
}

function pin(ctx, [x, y], kind) {
  ctx.save();
  ctx.translate(x, y);
  ctx.shadowColor = 'rgb(0 0 0 / 30%)';
  ctx.shadowBlur = 6;
  ctx.shadowOffsetY = 2;
  ctx.fillStyle = kind === 'home' ? '#0a8a61' : '#15181e';
  ctx.beginPath();
  ctx.arc(0, -27, 16, 0.8 * Math.PI, 0.2 * Math.PI);
  ctx.quadraticCurveTo(6, -8, 0, 0);
  ctx.quadraticCurveTo(-6, -8, -16 * Math.cos(0.2 * Math.PI), -27 + 16 * Math.sin(0.2 * Math.PI));
  ctx.closePath();
  ctx.fill();
  ctx.shadowColor = 'transparent';
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = 'rgb(255 255 255 / 85%)';
  ctx.stroke();
  ctx.lineWidth = 2;
  ctx.strokeStyle = '#ffffff';
  ctx.lineJoin = 'round';
  ctx.beginPath();
  if (kind === 'home') {
    ctx.moveTo(-8, -27);
    ctx.lineTo(0, -34.5);
    ctx.lineTo(8, -27);
    ctx.moveTo(-5.5, -28.5);
    ctx.lineTo(-5.5, -20);
    ctx.lineTo(5.5, -20);
    ctx.lineTo(5.5, -28.5);
  } else {
    ctx.rect(-6.5, -29, 13, 9);
    ctx.moveTo(-3.5, -29);
    ctx.quadraticCurveTo(-3.5, -34, 0, -34);
    ctx.quadraticCurveTo(3.5, -34, 3.5, -29);
  }
  ctx.stroke();
  ctx.restore();
}
