// The 2D canvas above the map, on which everything that moves is drawn.
import { mercator } from './mercator.js';

export class Overlay {
  /** Puts a canvas over `container` and calls `draw(ctx, frame)` on each animation frame. */
  constructor(container, view, draw) {
    this.view = view;
    this.draw = draw;
    this.canvas = document.createElement('canvas');
    this.canvas.className = 'overlay';
    this.canvas.setAttribute('aria-hidden', 'true');
    container.append(this.canvas);
    this.ctx = this.canvas.getContext('2d');
    this.lastDrawn = 0;
    this.minGapMs = 0;
    const frame = (now) => {
      requestAnimationFrame(frame);
      if (now - this.lastDrawn < this.minGapMs) return;
      this.lastDrawn = now;
      this.#render();
    };
    requestAnimationFrame(frame);
  }

  /** Upper bound of redraws a second; 0 = each frame. */
  limit(hertz) {
    this.minGapMs = hertz ? 1_000 / hertz - 4 : 0;
  }

  #render() {
    const [width, height] = this.view.size();
    const ratio = Math.min(2, devicePixelRatio || 1);
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ctx.clearRect(0, 0, width, height);
    const { k, dx, dy } = this.view.transform();
    const project = (longitude, latitude) => {
      const [x, y] = mercator(longitude, latitude);
      return [x * k + dx, y * k + dy];
    };
    this.draw(this.ctx, { project, width, height });
  }
}
