// Copies what the pages load at run time from node_modules to static/vendor, which git ignores.
//
// Folders carry the version, so that the server may call them immutable; the two entry files
// (maplibre.js, vendor.css) do not, so that the pages need not know any version.
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const vendor = join(root, 'static', 'vendor');

const SUBSETS = {
  latin: 'U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC,U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD',
  'latin-ext': 'U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+1D00-1DBF,U+1E00-1E9F,U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF',
};

async function versionOf(name) {
  return JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8')).version;
}

async function copyMapLibre() {
  const folder = `maplibre-gl-${await versionOf('maplibre-gl')}`;
  await mkdir(join(vendor, folder), { recursive: true });
  for (const file of ['maplibre-gl.mjs', 'maplibre-gl-worker.mjs', 'maplibre-gl.css']) {
    const from = join(modules, 'maplibre-gl', 'dist', file);
    if (file.endsWith('.css')) {
      await cp(from, join(vendor, folder, file));
      continue;
    }
    // The source maps stay behind, so the line that points at them goes too.
    const text = (await readFile(from, 'utf8')).replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
    await writeFile(join(vendor, folder, file), text);
  }
  await cp(join(modules, 'maplibre-gl', 'LICENSE.txt'), join(vendor, folder, 'LICENSE.txt'));
  await writeFile(join(vendor, 'maplibre.js'), `export * from './${folder}/maplibre-gl.mjs';\n`);
  return `@import url('./${folder}/maplibre-gl.css');\n`;
}

async function copyInter() {
  const name = '@fontsource-variable/inter';
  const folder = `inter-${await versionOf(name)}`;
  await mkdir(join(vendor, folder), { recursive: true });
  await cp(join(modules, name, 'LICENSE'), join(vendor, folder, 'LICENSE'));
  let css = '';
  for (const [subset, range] of Object.entries(SUBSETS)) {
    const file = `inter-${subset}-wght-normal.woff2`;
    await cp(join(modules, name, 'files', file), join(vendor, folder, file));
    const source = `url('./${folder}/${file}') format('woff2')`;
    css += `@font-face { font-family: 'Inter'; font-weight: 100 900; font-display: swap; src: ${source}; unicode-range: ${range}; }\n`;
    // The map reads the weight of a label out of the family's name: same file, second name.
    css += `@font-face { font-family: 'Inter Semibold'; font-weight: 100 900; font-display: swap; src: ${source}; unicode-range: ${range}; }\n`;
  }
  return css;
}

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });
const imports = await copyMapLibre();
await writeFile(join(vendor, 'vendor.css'), imports + (await copyInter()));
console.log('static/vendor is filled');
