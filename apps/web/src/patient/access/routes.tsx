import type { RouteObject } from 'react-router';
import { DisputesPage } from './disputes-page.tsx';
import { GivePage } from './give-page.tsx';
import { GrantsPage } from './grants-page.tsx';
import { GuardiansPage } from './guardians-page.tsx';
import { HomePage } from './home-page.tsx';
import { AccessLayout } from './layout.tsx';
import { LogPageView } from './log-page.tsx';
import { NarrowPage } from './narrow-page.tsx';
import { RequestsPage } from './requests-page.tsx';
import { WardRecordPage } from './ward-record-page.tsx';

export const routes: RouteObject[] = [
  {
    element: <AccessLayout />,
    children: [
      { index: true, element: <GrantsPage /> },
      { path: 'requests', element: <RequestsPage /> },
      { path: 'disputes', element: <DisputesPage /> },
      { path: 'guardians', element: <GuardiansPage /> },
      { path: 'give', element: <GivePage /> },
      { path: 'narrow/:grant', element: <NarrowPage /> },
      { path: 'home', element: <HomePage /> },
      { path: 'record', element: <WardRecordPage /> },
      { path: 'log', element: <LogPageView /> },
    ],
  },
];
