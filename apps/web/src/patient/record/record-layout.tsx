import { useTranslation } from 'react-i18next';
import { NavLink, Outlet } from 'react-router';
import './record.css';

const VIEWS = [
  ['', 'timeline'],
  ['problems', 'problems'],
  ['medication', 'medication'],
  ['results', 'results'],
  ['documents', 'documents'],
  ['take', 'take'],
  ['links', 'links'],
  ['card', 'card'],
] as const;

/** The views of the record above the one that is open. */
export function RecordLayout() {
  const { t } = useTranslation('record');
  return (
    <>
      <nav aria-label={t('views.label')} className="record-views">
        <ul>
          {VIEWS.map(([to, text]) => (
            <li key={text}>
              <NavLink to={`/patient/record${to === '' ? '' : `/${to}`}`} end={to === ''}>
                {t(`views.${text}`)}
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      <div className="record-page">
        <Outlet />
      </div>
    </>
  );
}
