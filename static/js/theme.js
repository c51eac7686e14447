// Light and dark: the system's choice until the person makes one.

const dark = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set();
let chosen = localStorage.getItem('beeline.theme');

export function theme() {
  return chosen ?? (dark.matches ? 'dark' : 'light');
}

export function onTheme(listener) {
  listeners.add(listener);
}

function apply() {
  document.documentElement.dataset.theme = theme();
  for (const listener of listeners) listener(theme());
}

/** Wires a button that switches between the two. */
export function themeButton(button) {
  const label = () => {
    const next = theme() === 'dark' ? 'light' : 'dark';
    button.setAttribute('aria-label', `Switch to ${next} colours`);
  };
  button.addEventListener('click', () => {
    chosen = theme() === 'dark' ? 'light' : 'dark';
    localStorage.setItem('beeline.theme', chosen);
    apply();
  });
  onTheme(label);
  label();
}

dark.addEventListener('change', apply);
apply();
