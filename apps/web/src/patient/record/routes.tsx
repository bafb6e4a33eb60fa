import type { RouteObject } from 'react-router';
import { RecordLayout } from './record-layout.tsx';

export const routes: RouteObject[] = [
  {
    element: <RecordLayout />,
    children: [
      { index: true, lazy: () => import('./timeline-page.tsx') },
      { path: 'problems', lazy: () => import('./problems-page.tsx') },
      { path: 'medication', lazy: () => import('./medication-page.tsx') },
      { path: 'results', lazy: () => import('./results-page.tsx') },
      { path: 'results/:series', lazy: () => import('./course-page.tsx') },
      { path: 'documents', lazy: () => import('./documents-page.tsx') },
      { path: 'take', lazy: () => import('./take-page.tsx') },
      { path: 'links', lazy: () => import('./links-page.tsx') },
      { path: 'card', lazy: () => import('./card-page.tsx') },
      { path: 'entry/:recordId', lazy: () => import('./entry-page.tsx') },
    ],
  },
];
