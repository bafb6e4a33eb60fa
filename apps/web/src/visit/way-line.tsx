import { Button, Stack, Text } from '@mantine/core';
import type { Participant, VisitTask } from '@salus/fhir/visit';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { useTerms } from '../ui/terms.ts';
import type { Way } from './visit-api.ts';
import { sidesOf } from './way-sides.ts';

/** One hand-over: from whom to whom, whether it arrived, and what its sender can do when it did not. */
export function WayLine({
  task,
  way,
  onAgain,
  line,
}: {
  readonly task: VisitTask;
  readonly way: Way;
  readonly onAgain: ((way: Way) => Promise<unknown>) | undefined;
  readonly line: ReactNode;
}) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const { from, to } = sidesOf(task, way);
  const nameOf = (side: Participant, organisation: string): string =>
    t('way.side', { side: t(`participants.${side}`), place: terms.place(organisation) });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const again = (): void => {
    setBusy(true);
    setError(undefined);
    onAgain?.(way)
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <Stack gap={2} align="start" data-delivery={way.delivery} data-state={way.state}>
      <Text size="sm">
        {t('way.from', { from: nameOf(from, way.from), to: nameOf(to, way.to) })} ·{' '}
        <DateText value={way.atMs} withTime />
      </Text>
      <Text size="sm">{way.state === 'refused' ? t('way.refused', { code: way.code }) : t(`way.${way.state}`)}</Text>
      {line}
      {way.state === 'delivered' || onAgain === undefined ? null : (
        <Button size="xs" variant="outline" onClick={again} loading={busy}>
          {t('way.again')}
        </Button>
      )}
      {error === undefined ? null : <Failure error={error} />}
    </Stack>
  );
}
