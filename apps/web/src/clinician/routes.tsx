import type { RouteObject } from 'react-router';
import './chart/chart.css';
import { StaffAppsPage } from './apps/apps-page.tsx';
import { AllEntries } from './chart/all-entries.tsx';
import { ChartLayout } from './chart/chart-layout.tsx';
import { Overview } from './chart/overview.tsx';
import { Results } from './chart/results.tsx';
import { WithConfirmed } from './chart/with-confirmed.tsx';
import { CoursePage } from './course/course-page.tsx';
import { StaffDisputesPage } from './disputes/disputes-page.tsx';
import { ElsewherePage } from './elsewhere/elsewhere-page.tsx';
import { EmergencyPage } from './emergency/emergency-page.tsx';
import { DeskGuardiansPage } from './guardians/guardians-page.tsx';
import { DeskWardPage } from './guardians/ward-page.tsx';
import { IncidentPage } from './incident/incident-page.tsx';
import { PatientsPage } from './patients-page.tsx';

import { WritePage } from './write/write-page.tsx';

export const routes: RouteObject[] = [
  {
    element: <WithConfirmed />,
    children: [
      { index: true, element: <PatientsPage /> },
      { path: 'emergency', element: <EmergencyPage /> },
      { path: 'incident', element: <IncidentPage /> },
      { path: 'disputes', element: <StaffDisputesPage /> },
      { path: 'apps', element: <StaffAppsPage /> },
      { path: 'guardians', element: <DeskGuardiansPage /> },
      { path: 'guardians/:patient', element: <DeskWardPage /> },
      {
        path: 'patient/:patient',
        element: <ChartLayout />,
        children: [
          { index: true, element: <Overview /> },
          { path: 'results', element: <Results /> },
          { path: 'all', element: <AllEntries /> },
          { path: 'course', element: <CoursePage /> },
          { path: 'write', element: <WritePage /> },
          { path: 'elsewhere', element: <ElsewherePage /> },
        ],
      },
    ],
  },
];
