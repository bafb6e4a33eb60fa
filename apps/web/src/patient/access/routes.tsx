import type { RouteObject } from 'react-router';
import { GrantsPage } from './grants-page.tsx';
import { AccessLayout } from './layout.tsx';
import { LogPageView } from './log-page.tsx';
import { RequestsPage } from './requests-page.tsx';

export const routes: RouteObject[] = [
  {
    element: <AccessLayout />,
    children: [
      { index: true, element: <GrantsPage /> },
      { path: 'requests', element: <RequestsPage /> },
      { path: 'log', element: <LogPageView /> },
    ],
  },
];
