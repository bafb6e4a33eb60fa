import type { RouteObject } from 'react-router';
import { BlockPage } from './block-page.tsx';
import { CallPage } from './call-page.tsx';
import { CertificatePage } from './certificate-page.tsx';
import { CertificatesPage } from './certificates-page.tsx';
import { FactPage, SubjectPage } from './fact-page.tsx';
import { LedgerPage } from './ledger-page.tsx';
import { MembersPage } from './members-page.tsx';
import { NodePage } from './node-page.tsx';
import { PeoplePage } from './people-page.tsx';
import { SafetyPage } from './safety-page.tsx';

export const routes: RouteObject[] = [
  { index: true, element: <NodePage /> },
  { path: 'people', element: <PeoplePage /> },
  { path: 'certificates', element: <CertificatesPage /> },
  { path: 'certificates/:fingerprint', element: <CertificatePage /> },
  { path: 'members', element: <MembersPage /> },
  { path: 'ledger', element: <LedgerPage /> },
  { path: 'ledger/blocks/:number', element: <BlockPage /> },
  { path: 'ledger/calls/:callId', element: <CallPage /> },
  { path: 'ledger/facts/:key', element: <FactPage /> },
  { path: 'ledger/subjects/:id', element: <SubjectPage /> },
  { path: 'safety', element: <SafetyPage /> },
];
