import { Card, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../../session/index.ts';
import { Page } from '../../ui/page.tsx';
import { formatPatientCode } from '../../ui/patient-code.ts';
import { QrCode } from '../../ui/qr-code.tsx';
import { useTerms } from '../../ui/terms.ts';

/** What a desk or a clinician scans to find the patient: one code for each place, which opens nothing by itself. */
export function Component() {
  const { t } = useTranslation('shell');
  const terms = useTerms();
  const { pids } = usePatient();
  return (
    <Page title={t('patientHome.code')} lead={t('patientHome.codeLead')}>
      {pids.map(({ organisation, pid }) => {
        const text = formatPatientCode({ organisation, pid });
        const place = terms.place(organisation);
        return (
          <Card key={pid} withBorder padding="lg" component="section" aria-label={place}>
            <Stack align="flex-start">
              <Title order={2} size="h4">
                {place}
              </Title>
              <QrCode text={text} label={t('patientHome.codeAt', { place })} sizePx={220} />
              <Text ff="monospace" size="sm" style={{ overflowWrap: 'anywhere' }}>
                {text}
              </Text>
            </Stack>
          </Card>
        );
      })}
    </Page>
  );
}
