import { Anchor, Text } from '@mantine/core';
import { isOver } from '@salus/fhir/visit';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useStaff } from '../session/index.ts';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { useTerms } from '../ui/terms.ts';
import { ClinicianPanel } from './clinician-panel.tsx';
import { CourseList } from './course-list.tsx';
import { DeskPanel } from './desk-panel.tsx';
import { FulfilmentPanel } from './fulfilment-panel.tsx';
import { PatientName } from './patient-name.tsx';
import { participantOf } from './staff-side.ts';
import { visitReason } from './step-facts.tsx';
import { useStaffAct, useStaffVisits } from './use-visits.ts';
import { type VisitView, waysOf } from './visit-api.ts';

/** One visit from the side of a member of staff: what to do now, and every step that they see. */
export function StaffVisitPage() {
  const { t } = useTranslation('visit');
  const { provider, visit } = useParams();
  const { data, error, refetch } = useStaffVisits();
  const view = data?.find((known) => known.provider === provider && known.visit === visit);
  if (data === undefined && error === null) return <Loading />;
  if (view === undefined) {
    return (
      <Page title={t('tasks.title')}>
        {error === null ? (
          <>
            <Text role="status">{t('done')}</Text>
            <Anchor component={Link} to="/visit/tasks">
              {t('tasks.all')}
            </Anchor>
          </>
        ) : (
          <Failure error={error} onRetry={() => void refetch()} />
        )}
      </Page>
    );
  }
  return <OneVisit key={view.visit} view={view} />;
}

function OneVisit({ view }: { readonly view: VisitView }) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const staff = useStaff();
  const acting = useStaffAct(view);
  const you = participantOf(staff, view);
  return (
    <Page title={visitReason(view.course) || t('some')} lead={t('at', { place: terms.place(view.provider) })}>
      <PatientName view={view} />
      {acting.error === undefined ? null : <Failure error={acting.error} />}
      {you === 'desk' ? <DeskPanel view={view} acting={acting} /> : null}
      {you === 'clinician' && !isOver(view.course) ? <ClinicianPanel view={view} acting={acting} /> : null}
      {you === 'laboratory' || you === 'pharmacy' ? <FulfilmentPanel view={view} acting={acting} /> : null}
      <CourseList
        course={view.course}
        ways={waysOf(view)}
        you={you}
        onAgain={(way) => acting.act('hand-overs', { task: way.task })}
      />
    </Page>
  );
}
