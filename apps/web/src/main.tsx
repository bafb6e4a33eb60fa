import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './shell/shell.css';
import { createRoot } from 'react-dom/client';
import { startLanguages } from './i18n/index.ts';
import { App } from './shell/app.tsx';

const place = document.getElementById('app');
if (place === null) throw new Error('index.html has no place for the app');
const direction = await startLanguages();
createRoot(place).render(<App direction={direction} />);
