import { Group, Loader, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Something is on its way; `what` says it in a sentence. */
export function Loading({ what }: { readonly what?: string }) {
  const { t } = useTranslation('ui', { useSuspense: false });
  return (
    <Group role="status" gap="sm" py="md">
      <Loader size="sm" aria-hidden />
      <Text>{what ?? t('loading')}</Text>
    </Group>
  );
}
