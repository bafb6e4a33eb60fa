import { AppShell, Burger, Group, Text, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Outlet, useNavigation } from 'react-router';
import { Loading } from '../ui/loading.tsx';
import { LanguageSwitch } from './language-switch.tsx';
import { Navigation } from './navigation-list.tsx';
import { OfflineBanner } from './offline-banner.tsx';
import { ReleaseBanner } from './release-banner.tsx';
import { SessionMenu } from './session-menu.tsx';

/** What stands around every page: skip link, header, navigation, and the page in its landmark. */
export function Shell() {
  const { t } = useTranslation('shell');
  const [opened, { toggle, close }] = useDisclosure(false);
  const arriving = useNavigation().state !== 'idle';
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 240, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={{ base: 'sm', sm: 'lg' }}
    >
      <a className="skip-link" href="#page">
        {t('skip')}
      </a>
      <AppShell.Header>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap" gap="xs">
          <Group gap="xs" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t(opened ? 'navigation.close' : 'navigation.open')}
              aria-expanded={opened}
              aria-controls="navigation"
            />
            <Text component={Link} to="/" fw={700} c="salus.7" className="plain-link">
              Salus
            </Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <LanguageSwitch />
            <SessionMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar
        p="sm"
        id="navigation"
        className="navigation"
        data-closed={opened ? undefined : true}
        aria-label={t('navigation.label')}
      >
        <Navigation onChoose={close} />
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1} className="page">
        <OfflineBanner />
        <ReleaseBanner />
        <VisuallyHidden role="status">{arriving ? t('loading') : ''}</VisuallyHidden>
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  );
}
