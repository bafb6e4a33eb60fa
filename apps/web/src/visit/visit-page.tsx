import { Alert, Group, Text } from '@mantine/core';
import { phaseOf } from '@salus/fhir/visit';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { useTerms } from '../ui/terms.ts';
import { AgreementPanel } from './agreement-panel.tsx';
import { CourseList } from './course-list.tsx';
import { LogLine } from './log-line.tsx';
import { visitReason } from './step-facts.tsx';
import { type OwnVisits, useOwnVisits, usePatientAct } from './use-visits.ts';
import type { OwnVisit } from './visit-api.ts';

/** One visit from the patient's side. */
export function VisitPage() {
  const { t } = useTranslation('visit');
  const { provider, visit: id } = useParams();
  const { data, error, refetch } = useOwnVisits();
  const visit = data?.visits.find((known) => known.provider === provider && known.visit === id);
  if (data === undefined && error === null) return <Loading />;
  if (data === undefined || visit === undefined) {
    return (
      <Page title={t('title')}>
        {error === null ? <Text>{t('none')}</Text> : <Failure error={error} onRetry={() => void refetch()} />}
      </Page>
    );
  }
  return <OneVisit key={visit.visit} visit={visit} places={data.places} />;
}

function OneVisit({ visit, places }: { readonly visit: OwnVisit; readonly places: OwnVisits['places'] }) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const { act, error } = usePatientAct(visit);
  const { course, provider, ways } = visit;
  const phase = phaseOf(course);
  return (
    <Page title={visitReason(course) || t('some')} lead={t('at', { place: terms.place(provider) })}>
      <Alert variant="outline" color="dark" role="status" title={t(`phase.${phase}`)} />
      {error === undefined ? null : <Failure error={error} />}
      {course.get('consent.1')?.status === 'requested' ? <AgreementPanel visit={visit} places={places} /> : null}
      <CourseList
        course={course}
        ways={ways}
        you="patient"
        onAgain={(way) => act('hand-overs', { task: way.task })}
        lineOf={(way) => <LogLine way={way} />}
      />
      {phase === 'asked' ? (
        <Group>
          <ConfirmButton
            label={t('cancel.label')}
            question={t('cancel.question')}
            consequence={t('cancel.consequence')}
            color="red"
            variant="outline"
            onConfirm={async () => {
              await act('cancellation');
            }}
          />
        </Group>
      ) : null}
    </Page>
  );
}
