import { Group } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { useSay } from '../../ui/use-say.ts';

/** Ends what somebody may do for another: asked once more, said, and the list is read anew. */
export function EndGuardian({ onEnd }: { readonly onEnd: () => Promise<unknown> }) {
  const { t } = useTranslation('guardians');
  const say = useSay();
  const client = useQueryClient();
  return (
    <Group mt="xs">
      <ConfirmButton
        label={t('remove')}
        question={t('removeAsk')}
        consequence={t('removeText')}
        color="red"
        variant="outline"
        size="compact-md"
        onConfirm={async () => {
          await onEnd();
          say(t('removed'));
          await client.invalidateQueries({ queryKey: ['guardian'] });
        }}
      />
    </Group>
  );
}
