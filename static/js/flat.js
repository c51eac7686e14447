// The view without a map: same interface as MapView, for browsers without WebGL and for builds
// without the map library. Markers, panels and following still work; only the tiles are missing.
import { latitudeOf, longitudeOf, mercator, WORLD } from './mercator.js';

export class FlatView {
  constructor(container, { center, zoom, interactive = true }) {
    this.container = container;
    this.kind = 'flat';
    this.map = null;
    this.listeners = { move: [], moveend: [], drag: [], click: [] };
    [this.x, this.y] = mercator(center[0], center[1]);
    this.zoom = zoom;
    container.classList.add('flat');
    if (interactive) this.#interact();
    new ResizeObserver(() => this.#tell('move', 'moveend')).observe(container);
  }

  on(event, listener) {
    this.listeners[event].push(listener);
  }

  size() {
    return [this.container.clientWidth, this.container.clientHeight];
  }

  /** Transform of Mercator 0..1 to CSS pixels: `x * k + dx`, `y * k + dy`. */
  transform() {
    const k = WORLD * 2 ** this.zoom;
    const [w, h] = this.size();
    return { k, dx: w / 2 - this.x * k, dy: h / 2 - this.y * k };
  }

  bounds() {
    const { k, dx, dy } = this.transform();
    const [w, h] = this.size();
    return [longitudeOf(-dx / k), latitudeOf((h - dy) / k), longitudeOf((w - dx) / k), latitudeOf(-dy / k)];
  }

  fit([west, south, east, north], padding, { maxZoom = 16.5 } = {}) {
    const [x0, y0] = mercator(west, north);
    const [x1, y1] = mercator(east, south);
    const [w, h] = this.size();
    const room = [Math.max(40, w - padding.left - padding.right), Math.max(40, h - padding.top - padding.bottom)];
    const k = Math.min(room[0] / Math.max(1e-9, x1 - x0), room[1] / Math.max(1e-9, y1 - y0));
    this.zoom = Math.min(maxZoom, Math.log2(k / WORLD));
    const scale = WORLD * 2 ** this.zoom;
    this.x = (x0 + x1) / 2 - (padding.left - padding.right) / 2 / scale;
    this.y = (y0 + y1) / 2 - (padding.top - padding.bottom) / 2 / scale;
    this.#tell('move', 'moveend');
  }

  goTo(position, { zoom = this.zoom, offset = [0, 0] } = {}) {
    this.zoom = zoom;
    const [x, y] = mercator(position[0], position[1]);
    const { k } = this.transform();
    this.x = x - offset[0] / k;
    this.y = y - offset[1] / k;
    this.#tell('move', 'moveend');
  }

  zoomBy(steps) {
    this.zoom = Math.min(19, Math.max(8, this.zoom + steps));
    this.#tell('move', 'moveend');
  }

  setTheme() {}
  setCells() {}

  #tell(...events) {
    for (const event of events) for (const listener of this.listeners[event]) listener();
  }

  #pan(dx, dy) {
    const { k } = this.transform();
    this.x -= dx / k;
    this.y -= dy / k;
    this.#tell('move');
  }

  #interact() {
    let last = null;
    let travelled = 0;
    this.container.addEventListener('pointerdown', (event) => {
      last = event;
      travelled = 0;
      this.container.setPointerCapture(event.pointerId);
    });
    this.container.addEventListener('pointermove', (event) => {
      if (!last) return;
      travelled += Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY);
      this.#pan(event.clientX - last.clientX, event.clientY - last.clientY);
      if (travelled > 4) this.#tell('drag');
      last = event;
    });
    this.container.addEventListener('pointerup', (event) => {
      if (!last) return;
      last = null;
      const box = this.container.getBoundingClientRect();
      if (travelled <= 4) for (const listener of this.listeners.click) listener({ x: event.clientX - box.left, y: event.clientY - box.top });
      this.#tell('moveend');
    });
    this.container.addEventListener('pointercancel', () => { last = null; });
    this.container.addEventListener('wheel', (event) => {
      event.preventDefault();
      this.zoomBy(-Math.sign(event.deltaY) * 0.25);
    }, { passive: false });
    this.container.addEventListener('keydown', (event) => {
      const steps = { ArrowLeft: [80, 0], ArrowRight: [-80, 0], ArrowUp: [0, 80], ArrowDown: [0, -80] }[event.key];
      if (steps) this.#pan(...steps);
      else if (event.key === '+' || event.key === '=') return this.zoomBy(1);
      else if (event.key === '-') return this.zoomBy(-1);
      else return undefined;
      event.preventDefault();
      this.#tell('drag', 'moveend');
      return undefined;
    });
  }
}
