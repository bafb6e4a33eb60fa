import { Button, Stack, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { useTerms } from '../ui/terms.ts';
import type { Way } from './visit-api.ts';

/** One hand-over: from whom to whom, whether it arrived, and what its sender can do when it did not. */
export function WayLine({
  way,
  onAgain,
  line,
}: {
  readonly way: Way;
  readonly onAgain: ((way: Way) => Promise<unknown>) | undefined;
  readonly line: ReactNode;
}) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
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
        {t('way.from', { from: terms.place(way.from), to: terms.place(way.to) })} ·{' '}
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
