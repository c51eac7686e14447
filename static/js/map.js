// The map behind the markers: MapLibre where it can be had, else FlatView with the reason in words.
import { FlatView } from './flat.js';
import { mapStyle } from './style.js';
import { mercator } from './mercator.js';
import { reducedMotion } from './dom.js';

const TILES = '/tiles/florence.json';
/** Where the demo city lies, until the tiles say better. */
export const CITY = { center: [11.2558, 43.7745], zoom: 13 };

async function tileSource() {
  const address = new URL(TILES, location.href);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  const source = await response.json();
  // `{z}` must survive, which URL would escape.
  const absolute = (tile) => (/^https?:/.test(tile) ? tile : new URL(address).origin + (tile.startsWith('/') ? tile : `/tiles/${tile}`));
  return { ...source, tiles: source.tiles.map(absolute) };
}

async function mapLibrary() {
  const library = await import('/vendor/maplibre.js');
  // Labels are rasterised once: with the fallback font if the web font is not there yet.
  await Promise.all(['16px Inter', '600 16px "Inter Semibold"'].map((font) => document.fonts.load(font, 'àA')));
  return library;
}

class MapView {
  constructor(library, container, { center, zoom, theme, tiles }) {
    this.kind = 'map';
    this.container = container;
    this.theme = theme;
    this.tiles = tiles;
    this.cells = { type: 'FeatureCollection', features: [] };
    this.map = new library.Map({
      container, center, zoom, maxZoom: 18.5, minZoom: 9, style: mapStyle(theme, tiles, this.cells), attributionControl: false,
      dragRotate: false, pitchWithRotate: false, maxPitch: 0, rollEnabled: false, fadeDuration: reducedMotion.matches ? 0 : 200,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    const canvas = this.map.getCanvas();
    canvas.setAttribute('aria-label', container.getAttribute('aria-label') ?? 'Map');
    // A tile that fails is not worth a broken page: the map shows what it has.
    this.map.on('error', () => {});
  }

  on(event, listener) {
    if (event === 'drag') {
      // Only a person's own movement counts, not the page's.
      for (const name of ['dragstart', 'zoomstart']) this.map.on(name, (e) => e.originalEvent && listener());
    } else if (event === 'click') this.map.on('click', (e) => listener(e.point));
    else this.map.on(event, () => listener());
  }

  size() {
    return [this.container.clientWidth, this.container.clientHeight];
  }

  transform() {
    const bounds = this.map.getBounds();
    const west = bounds.getNorthWest();
    const east = bounds.getSouthEast();
    const a = this.map.project(west);
    const b = this.map.project(east);
    const [x0, y0] = mercator(west.lng, west.lat);
    const [x1] = mercator(east.lng, east.lat);
    const k = (b.x - a.x) / (x1 - x0);
    return { k, dx: a.x - x0 * k, dy: a.y - y0 * k };
  }

  bounds() {
    const bounds = this.map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  }

  fit([west, south, east, north], padding, { animate = true, maxZoom = 16.5 } = {}) {
    this.map.fitBounds([[west, south], [east, north]], { padding, maxZoom, animate: animate && !reducedMotion.matches, duration: 700, linear: true });
  }

  goTo(position, { zoom = this.map.getZoom(), offset = [0, 0] } = {}) {
    this.map.easeTo({ center: position, zoom, offset, duration: 500, animate: !reducedMotion.matches });
  }

  zoomBy(steps) {
    this.map.zoomTo(this.map.getZoom() + steps, { animate: !reducedMotion.matches, duration: 250 });
  }

  setTheme(theme) {
    if (theme === this.theme) return;
    this.theme = theme;
    this.map.setStyle(mapStyle(theme, this.tiles, this.cells));
  }

  setCells(collection) {
    this.cells = collection;
    this.map.getSource('cells')?.setData(collection);
  }
}

/**
 * Makes the view in `container`. Resolves to a view whose `problem` says what is missing, or null.
 * Never rejects: everything but the tiles works without them.
 */
export async function createView(container, { theme, center = CITY.center, zoom = CITY.zoom }) {
  let library;
  try {
    library = await mapLibrary();
  } catch {
    const view = new FlatView(container, { center, zoom });
    view.problem = 'This build has no map library, so the map stays empty. Run “make demo” once to fetch it.';
    return view;
  }
  let tiles = null;
  let problem = null;
  try {
    tiles = await tileSource();
  } catch {
    problem = 'The map tiles cannot be read, so only positions are shown.';
  }
  try {
    const view = new MapView(library, container, { center, zoom, theme, tiles });
    view.problem = problem;
    return view;
  } catch {
    container.replaceChildren();
    const view = new FlatView(container, { center, zoom });
    view.problem = 'This browser has no WebGL, so positions are shown without the map.';
    return view;
  }
}
