import { Alert, Button, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useReleaseNews } from './installation.ts';

/** What the installed app says of the version that the node serves. */
export function ReleaseBanner() {
  const { t } = useTranslation('shell');
  const news = useReleaseNews();
  return <div role="status">{news === 'current' ? null : <ReleaseAlert news={news} t={t} />}</div>;
}

function ReleaseAlert({
  news,
  t,
}: {
  readonly news: 'ready' | 'unlisted' | 'withdrawn';
  readonly t: ReturnType<typeof useTranslation<'shell'>>['t'];
}) {
  return (
    <Alert
      mb="md"
      variant="outline"
      color={news === 'ready' ? 'salus' : 'red'}
      role="presentation"
      title={t(`release.${news}`)}
    >
      <Stack align="flex-start" gap="sm">
        <Text size="sm">{t(`release.${news}Text`)}</Text>
        {news === 'ready' ? (
          <Button size="xs" onClick={() => window.location.reload()}>
            {t('release.reload')}
          </Button>
        ) : null}
      </Stack>
    </Alert>
  );
}
