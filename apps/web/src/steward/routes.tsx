import { useTranslation } from 'react-i18next';
import type { RouteObject } from 'react-router';
import { Page } from '../ui/page.tsx';

function Steward() {
  const { t } = useTranslation('steward');
  return <Page title={t('title')}>{null}</Page>;
}

export const routes: RouteObject[] = [{ index: true, element: <Steward /> }];
