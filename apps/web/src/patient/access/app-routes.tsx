import type { RouteObject } from 'react-router';
import { AppsPage, AskingAppPage } from './apps-page.tsx';
import { OwnAccessLayout } from './layout.tsx';

export const routes: RouteObject[] = [
  {
    element: <OwnAccessLayout />,
    children: [
      { index: true, element: <AppsPage /> },
      { path: ':code', element: <AskingAppPage /> },
    ],
  },
];
