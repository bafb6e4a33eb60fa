import { useTranslation } from 'react-i18next';
import type { RouteObject } from 'react-router';
import { Page } from '../ui/page.tsx';

function Visit() {
  const { t } = useTranslation('visit');
  return <Page title={t('title')}>{null}</Page>;
}

export const routes: RouteObject[] = [{ index: true, element: <Visit /> }];
