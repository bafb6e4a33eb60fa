import './access.css';
import { Alert, Anchor, Badge, Group, NativeSelect, Stack } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink, Outlet } from 'react-router';
import { usePatient } from '../../session/index.ts';
import { useRequests } from './access-queries.ts';
import { ActingContext, actingFor, useActing } from './acting.ts';

/** `own`: nobody else opens it for a patient; `ward`: only a guardian who may read does, as one's own documents have an area. */
const TABS = [
  { to: '/patient/access/record', name: 'record', of: 'ward' },
  { to: '/patient/access', name: 'access', of: 'both' },
  { to: '/patient/access/requests', name: 'requests', of: 'both' },
  { to: '/patient/access/log', name: 'log', of: 'both' },
  { to: '/patient/access/home', name: 'home', of: 'own' },
  { to: '/patient/access/disputes', name: 'disputes', of: 'both' },
  { to: '/patient/access/guardians', name: 'guardians', of: 'own' },
  // A guardian lets no app in, and sees a ward's permissions in the list of access.
  { to: '/patient/apps', name: 'apps', of: 'own' },
] as const;

/** What stands above each page about access: for whom one acts, and the way to the other pages. */
export function AccessLayout() {
  const { t } = useTranslation('guardians');
  const patient = usePatient();
  const wards = patient.wallet.content.wards;
  const { pids } = patient;
  const [ward, setWard] = useState<string | null>(null);
  const acting = useMemo(() => actingFor(ward, { pids, wards }), [wards, pids, ward]);
  const names = [...new Set((wards ?? []).map(({ name }) => name))];
  return (
    <ActingContext value={acting}>
      <Stack gap="lg">
        {names.length === 0 ? null : (
          <NativeSelect
            label={t('actingFor')}
            maw={360}
            value={acting.ward ?? ''}
            data={[{ value: '', label: t('myself') }, ...names]}
            onChange={({ currentTarget }) => setWard(currentTarget.value === '' ? null : currentTarget.value)}
          />
        )}
        {acting.ward === null ? null : <Alert variant="outline">{t('ward.acting', { name: acting.ward })}</Alert>}
        <Tabs />
        <Outlet key={acting.ward ?? ''} />
      </Stack>
    </ActingContext>
  );
}

/** The same for what nobody does for another. */
export function OwnAccessLayout() {
  const { pids } = usePatient();
  const acting = useMemo(() => actingFor(null, { pids }), [pids]);
  return (
    <ActingContext value={acting}>
      <Stack gap="lg">
        <Tabs />
        <Outlet />
      </Stack>
    </ActingContext>
  );
}

function Tabs() {
  const { t } = useTranslation('access');
  const { ward, readable } = useActing();
  const { data = [] } = useRequests();
  const ofThem = ward === null ? 'own' : readable.length > 0 ? 'ward' : 'both';
  const waiting = data.filter(({ request }) => request.status === 'open').length;
  return (
    <Group component="nav" aria-label={t('tabs.label')} gap="md">
      {TABS.filter(({ of }) => of === 'both' || of === ofThem).map(({ to, name }) => (
        <Anchor key={to} component={NavLink} to={to} end={name === 'access'} className="access-tab">
          {t(`tabs.${name}`)}
          {name === 'requests' && waiting > 0 ? (
            <Badge component="span" size="sm" circle>
              {waiting}
            </Badge>
          ) : null}
        </Anchor>
      ))}
    </Group>
  );
}
