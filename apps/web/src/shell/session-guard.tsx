import { Anchor, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, Outlet } from 'react-router';
import { useSession } from '../session/index.ts';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';

/** Opens the pages below it to one kind of person; everybody else is shown the way in. */
export function SessionGuard({ who }: { readonly who: 'patient' | 'staff' }) {
  const { t } = useTranslation('shell');
  const { state } = useSession();
  // Whoever has not confirmed the recovery sheet has it nowhere but here.
  if (state.kind === 'patient' && state.patient.unfinished.sheet !== null)
    return <Navigate to="/patient/start" replace />;
  if (state.kind === who) return <Outlet />;
  if (state.kind === 'starting') return <Loading />;
  return (
    <Page title={t('guard.title')}>
      <Text>{t(who === 'patient' ? 'guard.patient' : 'guard.staff')}</Text>
      <Anchor component={Link} to="/start">
        {t(state.kind === 'locked' ? 'guard.unlock' : 'guard.signIn')}
      </Anchor>
    </Page>
  );
}
