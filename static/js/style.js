// The map's look: our own style for the old Protomaps v2 layers, light and dark, with labels drawn
// from the page's web font (no `glyphs`, so no glyph server). Pure.

const PALETTES = {
  light: {
    earth: '#f2f0eb', park: '#d5e8cb', farm: '#eceddc', civic: '#ece6ea', industrial: '#e6e3de', water: '#a9d3ec',
    building: '#e2ddd3', buildingEdge: '#d3ccbf', casing: '#dcd5c9', minor: '#ffffff', other: '#f8f6f2', medium: '#ffffff',
    major: '#fdeecb', majorCasing: '#ecd39c', highway: '#fbdc98', rail: '#b9b6b2', label: '#515a6b', city: '#20252e',
    halo: '#ffffff', waterLabel: '#2f7396', roadLabel: '#6b6f78',
  },
  dark: {
    earth: '#12161d', park: '#15241c', farm: '#151b1a', civic: '#1a1b24', industrial: '#191b21', water: '#14293f',
    building: '#1c212a', buildingEdge: '#262c37', casing: '#0e1218', minor: '#2a313d', other: '#20262f', medium: '#323a48',
    major: '#414b5c', majorCasing: '#10141b', highway: '#4d586b', rail: '#363d49', label: '#a3adbd', city: '#e6eaf0',
    halo: '#12161d', waterLabel: '#6fa3cc', roadLabel: '#8a94a5',
  },
};

const kind = (...kinds) => ['in', ['get', 'pmap:kind'], ['literal', kinds]];
const width = (...stops) => ['interpolate', ['exponential', 1.5], ['zoom'], ...stops];
const REGULAR = ['Inter'];
const STRONG = ['Inter Semibold'];

const ROADS = [
  { id: 'other', kinds: ['other'], minzoom: 14, line: [14, 0.6, 17, 4, 19, 10] },
  { id: 'minor', kinds: ['minor_road'], minzoom: 12, line: [12, 0.5, 14, 1.8, 17, 9, 19, 26] },
  { id: 'medium', kinds: ['medium_road'], minzoom: 10, line: [10, 0.6, 14, 3, 17, 12, 19, 32] },
  { id: 'major', kinds: ['major_road'], minzoom: 8, line: [8, 0.5, 12, 1.6, 14, 4, 17, 15, 19, 38] },
  { id: 'highway', kinds: ['highway'], minzoom: 6, line: [6, 0.6, 12, 2.4, 14, 5, 17, 17, 19, 42] },
];

function roadLayers(colours) {
  const filter = (road) => ['all', kind(...road.kinds), ['!=', ['get', 'tunnel'], 'yes']];
  const wide = (stops, extra) => width(...stops.map((v, i) => (i % 2 ? v + extra : v)));
  const casings = ROADS.filter((road) => road.id !== 'other').map((road) => ({
    id: `road-${road.id}-casing`, type: 'line', source: 'city', 'source-layer': 'roads', minzoom: road.minzoom + 1, filter: filter(road),
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': road.id === 'major' || road.id === 'highway' ? colours.majorCasing : colours.casing, 'line-width': wide(road.line, 1.6) },
  }));
  const fills = ROADS.map((road) => ({
    id: `road-${road.id}`, type: 'line', source: 'city', 'source-layer': 'roads', minzoom: road.minzoom, filter: filter(road),
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': colours[road.id], 'line-width': wide(road.line, 0) },
  }));
  return [...casings, ...fills];
}

function label(id, layer, rest) {
  return { id, type: 'symbol', source: 'city', 'source-layer': layer, ...rest };
}

function labelLayers(colours) {
  const paint = (colour, halo = 1.4) => ({ 'text-color': colour, 'text-halo-color': colours.halo, 'text-halo-width': halo });
  const along = (size) => ({
    'symbol-placement': 'line', 'text-field': ['get', 'name'], 'text-font': REGULAR, 'text-size': size, 'symbol-spacing': 420, 'text-padding': 6,
  });
  return [
    label('label-waterway', 'physical_line', { minzoom: 12, layout: { ...along(12), 'text-letter-spacing': 0.06 }, paint: paint(colours.waterLabel) }),
    label('label-road', 'roads', {
      minzoom: 14, filter: kind('highway', 'major_road', 'medium_road'), layout: along(11.5), paint: paint(colours.roadLabel),
    }),
    label('label-street', 'roads', { minzoom: 15.5, filter: kind('minor_road'), layout: along(11), paint: paint(colours.roadLabel) }),
    label('label-place', 'places', {
      minzoom: 11, filter: kind('neighbourhood', 'other'),
      layout: { 'text-field': ['get', 'name'], 'text-font': REGULAR, 'text-size': ['interpolate', ['linear'], ['zoom'], 11, 10.5, 15, 13.5], 'text-max-width': 7, 'text-padding': 8 },
      paint: paint(colours.label),
    }),
    label('label-city', 'places', {
      maxzoom: 15.5, filter: kind('city', 'town'),
      layout: { 'text-field': ['get', 'name'], 'text-font': STRONG, 'text-size': ['interpolate', ['linear'], ['zoom'], 8, 13, 14, 21], 'text-letter-spacing': 0.03 },
      paint: paint(colours.city, 1.8),
    }),
  ];
}

function area(id, layer, colour, filter, rest = {}) {
  return { id, type: 'fill', source: 'city', 'source-layer': layer, ...(filter ? { filter } : {}), ...rest, paint: { 'fill-color': colour, ...rest.paint } };
}

/**
 * A MapLibre style. `tiles` is `{tiles, minzoom, maxzoom, bounds}` or null (background only);
 * `cells` a GeoJSON FeatureCollection whose features carry `pressure` 0..1.
 */
export function mapStyle(theme, tiles, cells) {
  const colours = PALETTES[theme];
  const sources = { cells: { type: 'geojson', data: cells } };
  const layers = [{ id: 'background', type: 'background', paint: { 'background-color': colours.earth } }];
  const cellLayers = [
    {
      id: 'cells', type: 'fill', source: 'cells',
      paint: {
        'fill-color': ['interpolate', ['linear'], ['get', 'pressure'], 0, '#f2c14e', 0.4, '#f0a04b', 1, '#e0452c'],
        'fill-opacity': ['interpolate', ['linear'], ['get', 'pressure'], 0, 0.04, 0.15, 0.14, 1, theme === 'dark' ? 0.34 : 0.3],
      },
    },
    { id: 'cells-edge', type: 'line', source: 'cells', paint: { 'line-color': theme === 'dark' ? '#6b7686' : '#8b95a5', 'line-opacity': 0.35, 'line-width': 1 } },
  ];
  if (!tiles) return { version: 8, sources, layers: [...layers, ...cellLayers] };
  sources.city = { type: 'vector', tiles: tiles.tiles, minzoom: tiles.minzoom ?? 0, maxzoom: tiles.maxzoom ?? 14, ...(tiles.bounds ? { bounds: tiles.bounds } : {}) };
  const rail = { 'line-color': colours.rail, 'line-width': width(11, 0.5, 15, 1.6, 18, 4) };
  return {
    version: 8,
    sources,
    layers: [
      ...layers,
      area('earth', 'earth', colours.earth),
      area('natural', 'natural', colours.park, null, { paint: { 'fill-opacity': 0.6 } }),
      area('landuse-farm', 'landuse', colours.farm, kind('farmland')),
      area('landuse-civic', 'landuse', colours.civic, kind('hospital', 'school', 'university')),
      area('landuse-industrial', 'landuse', colours.industrial, kind('industrial', 'railway', 'aerodrome')),
      area('landuse-green', 'landuse', colours.park, kind('park', 'cemetery', 'forest', 'grass', 'protected_area')),
      area('water', 'water', colours.water, ['==', ['geometry-type'], 'Polygon']),
      { id: 'waterway', type: 'line', source: 'city', 'source-layer': 'physical_line', filter: kind('waterway'), paint: { 'line-color': colours.water, 'line-width': width(10, 0.5, 14, 1.6, 18, 8) } },
      area('buildings', 'buildings', colours.building, null, { minzoom: 13, paint: { 'fill-outline-color': colours.buildingEdge, 'fill-opacity': ['interpolate', ['linear'], ['zoom'], 13, 0.5, 15, 1] } }),
      { id: 'rail', type: 'line', source: 'city', 'source-layer': 'transit', filter: kind('railway'), paint: rail },
      ...roadLayers(colours),
      ...cellLayers,
      ...labelLayers(colours),
    ],
  };
}
