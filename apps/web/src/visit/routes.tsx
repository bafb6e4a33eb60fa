import { Anchor, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, type RouteObject } from 'react-router';
import { useSession } from '../session/index.ts';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { NewVisitPage } from './new-visit-page.tsx';
import { StaffVisitPage } from './staff-visit-page.tsx';
import { TasksPage } from './tasks-page.tsx';
import { VisitPage } from './visit-page.tsx';
import { VisitsPage } from './visits-page.tsx';

/** Shows a page to the side that it is for; the other side finds its own. */
function Side({ who, children }: { readonly who: 'patient' | 'staff'; readonly children: ReactNode }) {
  const { t } = useTranslation('visit');
  const { state } = useSession();
  if (state.kind === who) return children;
  if (state.kind === 'starting') return <Loading />;
  if (state.kind === 'patient') return <Navigate to="/visit" replace />;
  if (state.kind === 'staff') return <Navigate to="/visit/tasks" replace />;
  return (
    <Page title={t('title')}>
      <Text>{t('signIn')}</Text>
      <Anchor component={Link} to="/start">
        {t('open')}
      </Anchor>
    </Page>
  );
}

const patient = (page: ReactNode) => <Side who="patient">{page}</Side>;
const staff = (page: ReactNode) => <Side who="staff">{page}</Side>;

export const routes: RouteObject[] = [
  { index: true, element: patient(<VisitsPage />) },
  { path: 'new', element: patient(<NewVisitPage />) },
  { path: 'tasks', element: staff(<TasksPage />) },
  { path: 'tasks/:provider/:visit', element: staff(<StaffVisitPage />) },
  { path: ':provider/:visit', element: patient(<VisitPage />) },
];
