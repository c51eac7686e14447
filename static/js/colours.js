// The palette of what moves, read from css/base.css so that it is written once.
import { onTheme } from './theme.js';

const NAMES = ['ink', 'paper', 'honey', 'available', 'pickup', 'delivering', 'rest', 'home', 'cell-text'];

/** Current colours by name; the same object, refreshed when the theme changes. */
export const colours = {};

function read() {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) colours[name] = style.getPropertyValue(`--${name}`).trim();
}

onTheme(read);
read();
