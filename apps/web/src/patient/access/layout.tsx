import { Anchor, Badge, Group, Stack } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { NavLink, Outlet } from 'react-router';
import { useRequests } from './access-queries.ts';

const TABS = [
  { to: '/patient/access', name: 'access', end: true },
  { to: '/patient/access/requests', name: 'requests', end: false },
  { to: '/patient/access/log', name: 'log', end: false },
  { to: '/patient/access/home', name: 'home', end: false },
  { to: '/patient/access/disputes', name: 'disputes', end: false },
  { to: '/patient/access/guardians', name: 'guardians', end: false },
] as const;

/** What stands above each page about access: the way to the others, and how many requests wait. */
export function AccessLayout() {
  const { t } = useTranslation('access');
  const { data = [] } = useRequests();
  const waiting = data.filter(({ request }) => request.status === 'open').length;
  return (
    <Stack gap="lg">
      <Group component="nav" aria-label={t('tabs.label')} gap="md">
        {TABS.map(({ to, name, end }) => (
          <NavLink key={to} to={to} end={end}>
            {({ isActive }) => (
              <Anchor component="span" fw={isActive ? 700 : 400} underline={isActive ? 'always' : 'hover'}>
                {t(`tabs.${name}`)}
                {name === 'requests' && waiting > 0 ? (
                  <Badge component="span" ms={6} size="sm" aria-label={t('waiting.text', { count: waiting })}>
                    {waiting}
                  </Badge>
                ) : null}
              </Anchor>
            )}
          </NavLink>
        ))}
      </Group>
      <Outlet />
    </Stack>
  );
}
