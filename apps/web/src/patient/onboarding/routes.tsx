import type { RouteObject } from 'react-router';
import { SessionGuard } from '../../shell/session-guard.tsx';
import { PatientHome } from '../home/patient-home.tsx';

/** `/patient` itself is the patient's start page. */
export const routes: RouteObject[] = [
  { path: 'start', lazy: () => import('./claim-page.tsx') },
  { path: 'recover', lazy: () => import('./recover-page.tsx') },
  { path: 'join', lazy: () => import('./join-page.tsx') },
  {
    element: <SessionGuard who="patient" />,
    children: [
      { index: true, element: <PatientHome /> },
      { path: 'code', lazy: () => import('../home/code-page.tsx') },
      { path: 'devices', lazy: () => import('./devices-page.tsx') },
    ],
  },
];
