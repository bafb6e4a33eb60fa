import { Alert } from '@mantine/core';
import { useNetwork } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';

export function OfflineBanner() {
  const { t } = useTranslation('shell');
  const { online } = useNetwork();
  return (
    <div role="status">
      {online ? null : (
        <Alert color="yellow" mb="md" title={t('offline.title')} variant="outline" role="presentation">
          {t('offline.text')}
        </Alert>
      )}
    </div>
  );
}
