import { Anchor, Badge, Button, Card, Group, Stack, Title } from '@mantine/core';
import { inOrder, type VisitCourse } from '@salus/fhir/visit';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useStaff } from '../session/index.ts';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { useTerms } from '../ui/terms.ts';
import { PatientName } from './patient-name.tsx';
import { participantOf, waitsFor } from './staff-side.ts';
import { visitReason } from './step-facts.tsx';
import { useStaffVisits } from './use-visits.ts';
import type { VisitView } from './visit-api.ts';

/** The visits that a member of staff takes part in: what waits for them first. */
export function TasksPage() {
  const { t } = useTranslation('visit');
  const staff = useStaff();
  const { data, error, refetch, isFetching } = useStaffVisits();
  const mine = data?.filter((view) => waitsFor(view, participantOf(staff, view))) ?? [];
  const others = data?.filter((view) => !mine.includes(view)) ?? [];
  return (
    <Page title={t('tasks.title')} lead={t('tasks.lead')}>
      <Group>
        <Button variant="default" onClick={() => void refetch()} loading={isFetching}>
          {t('refresh')}
        </Button>
      </Group>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data?.length === 0 ? <Empty text={t('tasks.none')} /> : null}
      <Visits title={t('tasks.yours')} views={mine} />
      <Visits title={t('tasks.others')} views={others} />
    </Page>
  );
}

function Visits({ title, views }: { readonly title: string; readonly views: readonly VisitView[] }) {
  if (views.length === 0) return null;
  return (
    <section>
      <Title order={2} size="h3" mb="sm">
        {title}
      </Title>
      <Stack component="ul" gap="sm" p={0} m={0} style={{ listStyle: 'none' }}>
        {views.map((view) => (
          <li key={`${view.provider}/${view.visit}`}>
            <ViewCard view={view} />
          </li>
        ))}
      </Stack>
    </section>
  );
}

function ViewCard({ view }: { readonly view: VisitView }) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const { provider, visit, course } = view;
  const last = lastTask(course);
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Group justify="space-between" align="start">
          <Anchor component={Link} to={`/visit/tasks/${provider}/${visit}`} fw={600}>
            {visitReason(course) || t('some')}
          </Anchor>
          {last === undefined ? null : (
            <Badge variant="outline" color="dark" tt="none">
              {t(last.step === 'consent' ? 'steps.theirConsent' : `steps.${last.step}`)}: {t(`status.${last.status}`)}
            </Badge>
          )}
        </Group>
        <span>{t('at', { place: terms.place(provider) })}</span>
        <PatientName view={view} />
      </Stack>
    </Card>
  );
}

function lastTask(course: VisitCourse) {
  return inOrder(course).toSorted((a, b) => b.changedMs - a.changedMs)[0];
}
