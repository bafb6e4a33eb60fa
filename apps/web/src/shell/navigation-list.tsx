import { NavLink } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { NavLink as RouterLink, useLocation } from 'react-router';
import { useSession } from '../session/index.ts';
import { NAVIGATION } from './navigation.ts';

const ICON_PX = 18;

/** `onChoose` is called when somebody goes somewhere: the menu of a narrow screen closes. */
export function Navigation({ onChoose }: { readonly onChoose: () => void }) {
  const { t } = useTranslation('shell');
  const { state } = useSession();
  const { pathname } = useLocation();
  const entries = NAVIGATION.filter(({ isFor }) => isFor(state));
  const [current] = entries
    .flatMap(({ to, and = [] }) => [to, ...and].map((prefix) => ({ to, prefix })))
    .filter(({ prefix }) => pathname === prefix || pathname.startsWith(prefix === '/' ? '/ ' : `${prefix}/`))
    .sort((left, right) => right.prefix.length - left.prefix.length);
  return entries.map(({ to, text, icon: Icon }) => (
    <NavLink
      key={to}
      component={RouterLink}
      to={to}
      end
      onClick={onChoose}
      label={t(`navigation.${text}`)}
      leftSection={<Icon size={ICON_PX} aria-hidden />}
      active={current?.to === to}
      aria-current={current?.to === to ? 'page' : undefined}
    />
  ));
}
