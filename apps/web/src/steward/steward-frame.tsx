import { Anchor, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useStaff } from '../session/index.ts';
import { Empty } from '../ui/empty.tsx';
import { Page } from '../ui/page.tsx';
import classes from './steward.module.css';
import { ADMINISTRATOR } from './steward-data.ts';

const SECTIONS = [
  { to: '/steward', text: 'node' },
  { to: '/steward/people', text: 'people' },
  { to: '/steward/certificates', text: 'certificates' },
  { to: '/steward/members', text: 'members' },
  { to: '/steward/ledger', text: 'ledger' },
  { to: '/steward/safety', text: 'safety' },
] as const;

/** A page of the stewards: its parts beside each other, and whom it is for. */
export function StewardPage({
  title,
  lead,
  access,
  children,
}: {
  readonly title: string;
  readonly lead?: string;
  /** `staff`: everybody who works here may read it, as on the ledger itself. */
  readonly access: 'administrator' | 'steward' | 'staff';
  readonly children: ReactNode;
}) {
  // Both catalogues before anything is shown: a page that waits for one later would vanish for a moment.
  const { t } = useTranslation(['steward', 'terms']);
  const { roles } = useStaff();
  const isAdministrator = roles.includes(ADMINISTRATOR);
  const allowed = {
    staff: true,
    steward: isAdministrator || roles.includes('privacy-officer'),
    administrator: isAdministrator,
  }[access];
  return (
    <Page title={title} {...(lead === undefined ? {} : { lead })}>
      <nav aria-label={t('sections.label')}>
        <Group gap="xs" component="ul" className={classes.sections}>
          {SECTIONS.map(({ to, text }) => (
            <li key={to}>
              <Anchor component={NavLink} to={to} end={to === '/steward'} className={classes.section}>
                {t(`sections.${text}`)}
              </Anchor>
            </li>
          ))}
        </Group>
      </nav>
      {allowed ? children : <Empty text={t(access === 'administrator' ? 'notAdministrator' : 'notForYou')} />}
    </Page>
  );
}
