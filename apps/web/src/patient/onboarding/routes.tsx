import { useTranslation } from 'react-i18next';
import type { RouteObject } from 'react-router';
import { Page } from '../../ui/page.tsx';
import { PatientHome } from '../home/patient-home.tsx';

function Start() {
  const { t } = useTranslation('onboarding');
  return <Page title={t('title')}>{null}</Page>;
}

/** `/patient` itself is the patient's start page. */
export const routes: RouteObject[] = [
  { index: true, element: <PatientHome /> },
  { path: 'start', element: <Start /> },
];
