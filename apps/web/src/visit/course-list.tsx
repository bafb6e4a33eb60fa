import { Badge, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import { inOrder, type Participant, STEPS, taskKey, type VisitCourse, type VisitTask } from '@salus/fhir/visit';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { DateText } from '../ui/date-text.tsx';
import { StepFacts } from './step-facts.tsx';
import type { Way } from './visit-api.ts';
import { WayLine } from './way-line.tsx';

/** The steps of a visit in their order, the same for everybody who sees them, and how each was handed on. */
export function CourseList({
  course,
  ways,
  you,
  onAgain,
  lineOf,
}: {
  readonly course: VisitCourse;
  readonly ways: readonly Way[];
  /** As whom the reader looks. */
  readonly you: Participant;
  /** Absent where the reader can send nothing again. */
  readonly onAgain?: (way: Way) => Promise<unknown>;
  readonly lineOf?: (way: Way) => ReactNode;
}) {
  const { t } = useTranslation('visit');
  return (
    <section aria-labelledby="steps">
      <Title order={2} size="h3" id="steps" mb="sm">
        {t('steps.title')}
      </Title>
      <Stack component="ol" gap="sm" p={0} m={0} style={{ listStyle: 'none' }}>
        {inOrder(course).map((task) => (
          <li key={taskKey(task)}>
            <StepCard task={task} you={you}>
              {ways
                .filter((way) => way.task === taskKey(task))
                .sort((a, b) => a.version - b.version)
                .map((way) => (
                  <List.Item key={`${way.version}.${way.to}`}>
                    <WayLine task={task} way={way} onAgain={onAgain} line={lineOf?.(way)} />
                  </List.Item>
                ))}
            </StepCard>
          </li>
        ))}
      </Stack>
    </section>
  );
}

function StepCard({
  task,
  you,
  children,
}: {
  readonly task: VisitTask;
  readonly you: Participant;
  readonly children: readonly ReactNode[];
}) {
  const { t } = useTranslation('visit');
  const { step, status, reason, changedMs } = task;
  const turn = turnOf(task);
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Group justify="space-between">
          <Title order={3} size="h4">
            {t(step === 'consent' && you !== 'patient' ? 'steps.theirConsent' : `steps.${step}`)}
          </Title>
          <Badge variant="outline" color={status === 'rejected' ? 'red' : 'dark'} tt="none">
            {t(`status.${status}`)}
          </Badge>
        </Group>
        <Text size="sm">
          <DateText value={changedMs} withTime />
        </Text>
        {turn === undefined ? null : <Text size="sm">{t(`waitsFor.${turn === you ? 'you' : turn}`)}</Text>}
        {reason === null ? null : <Text>{reason === 'not-agreed' ? t('notAgreed') : t('sentBack', { reason })}</Text>}
        <StepFacts task={task} />
        {children.length === 0 ? null : (
          <details>
            <summary>{t('way.title')}</summary>
            <List size="sm" mt="xs" spacing="xs">
              {children}
            </List>
          </details>
        )}
      </Stack>
    </Card>
  );
}

/** Whose turn it is, while something is awaited. */
function turnOf({ step, status }: VisitTask): Participant | undefined {
  const awaited = status === 'requested' || status === 'accepted' || status === 'in-progress';
  if (!awaited) return undefined;
  return STEPS[step].owner;
}
