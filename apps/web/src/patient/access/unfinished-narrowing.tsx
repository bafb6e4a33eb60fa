import { Alert, Button, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../../session/index.ts';
import type { UnfinishedNarrowing as Begun } from '../../session/unfinished.ts';
import { Failure } from '../../ui/failure.tsx';
import { useSay } from '../../ui/use-say.ts';
import { useDecided } from './access-queries.ts';
import { finishNarrowing, forgetNarrowing } from './narrow-once.ts';
import { pointOf } from './narrow-view.ts';

/**
 * Without the rest the grantee reads nothing, or still what was allowed before: it is said, and brought to its end. What was
 * refused is said until the patient has read it.
 */
export function UnfinishedNarrowing({ begun }: { readonly begun: Begun }) {
  const { t } = useTranslation('access');
  const say = useSay();
  const patient = usePatient();
  const decided = useDecided();
  const point = pointOf(begun);
  const goOn = useMutation({
    mutationFn: async () => {
      if (point === 'refused') return forgetNarrowing(patient, begun);
      if ((await finishNarrowing(patient, begun)) === undefined) say(t('narrow.done'));
      return undefined;
    },
    onSuccess: decided,
  });
  return (
    <Alert variant="outline" color="red" mb="xs" role="status">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{t(`narrow.${point}`)}</Text>
        {goOn.error === null ? null : <Failure error={goOn.error} />}
        <Button size="compact-md" variant="outline" onClick={() => goOn.mutate()} loading={goOn.isPending}>
          {t(point === 'refused' ? 'narrow.read' : 'narrow.finish')}
        </Button>
      </Stack>
    </Alert>
  );
}
