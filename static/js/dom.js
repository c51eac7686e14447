// Small helpers around the document. Data reaches the page as text only.

export const $ = (selector, root = document) => root.querySelector(selector);

/** `el('p', {class: 'muted', onclick}, 'text', child)`. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets text only when it changed: a live region repeats itself otherwise. */
export function text(node, value) {
  const next = value ?? '';
  if (node.textContent !== next) node.textContent = next;
}

export const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
