import type { RouteObject } from 'react-router';
import { StartPage } from './start-page.tsx';

export const routes: RouteObject[] = [
  { index: true, element: <StartPage /> },
  { path: 'staff', lazy: () => import('./staff-page.tsx') },
];
