import { Alert } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Failure } from '../../ui/failure.tsx';

/** How a write ended: told aloud as well. */
export function Written({
  error,
  isDone,
  what,
  detail,
}: {
  readonly error: unknown;
  readonly isDone: boolean;
  readonly what: string;
  /** Of a record it is said where it stands. */
  readonly detail?: string;
}) {
  const { t } = useTranslation('clinician');
  return (
    <div aria-live="polite">
      {error === null ? null : <Failure error={error} text={t('write.failed')} />}
      {isDone ? (
        <Alert color="salus.8" variant="outline" title={what}>
          {detail ?? t('write.done')}
        </Alert>
      ) : null}
    </div>
  );
}
