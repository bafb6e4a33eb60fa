import type { RouteObject } from 'react-router';
import { AppsPage } from './apps-page.tsx';

export const routes: RouteObject[] = [
  { index: true, element: <AppsPage /> },
  { path: ':code', element: <AppsPage /> },
];
