import { Alert, Button, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { codeOf } from './code-of.ts';

/** What went wrong and what to do next; the code is for whoever is asked for help. */
export function Failure({
  error,
  text,
  onRetry,
}: {
  readonly error: unknown;
  /** Plain words for this failure; without them what to do is said in general. */
  readonly text?: string;
  readonly onRetry?: () => void;
}) {
  const { t } = useTranslation('ui');
  const code = codeOf(error);
  return (
    <Alert color="red" variant="outline" title={t('failure.title')} role="alert">
      <Stack align="flex-start" gap="sm">
        <Text size="sm">{text ?? t('failure.text')}</Text>
        {code === undefined ? null : (
          <Text size="sm" ff="monospace">
            {t('failure.code', { code })}
          </Text>
        )}
        {onRetry === undefined ? null : (
          <Button size="xs" variant="outline" color="red" onClick={onRetry}>
            {t('failure.retry')}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
