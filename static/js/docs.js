// The page of calls: Swagger UI, carried by the server itself, on the server's own document.
import { $ } from './dom.js';
import { onTheme, theme, themeButton } from './theme.js';

const root = document.documentElement;
const shade = () => root.classList.toggle('dark-mode', theme() === 'dark');
onTheme(shade);
shade();
themeButton($('#theme'));

globalThis.SwaggerUIBundle({
  url: '/openapi.json',
  domNode: $('#calls'),
  deepLinking: true,
  // The service that draws validity badges is on another host.
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  onComplete: () => { root.dataset.ready = ''; },
});
