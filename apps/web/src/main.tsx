import '@mantine/core/styles.css';
import './shell/shell.css';
import { createRoot } from 'react-dom/client';
import { startLanguages } from './i18n/index.ts';
import { App } from './shell/app.tsx';
import { styleNonce } from './shell/style-nonce.ts';

// What holds the page still behind a dialogue (react-remove-scroll, in Mantine) looks for the nonce of its style here.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });
const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no place for the app');
const direction = await startLanguages();
createRoot(place).render(<App direction={direction} />);
