import { Anchor, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { authenticityQrText } from '@salus/crypto';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { QrCode } from '../ui/qr-code.tsx';
import { placeName } from '../ui/terms.ts';
import { CertificateActions, StatusBadge } from './certificates-page.tsx';
import { Code, Facts } from './facts.tsx';
import { factPath } from './ledger-search.ts';
import classes from './steward.module.css';
import { type IssuedCertificate, useCertificates } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

/** One certificate as it is shown and printed, with the QR code that verifies offline. */
export function CertificatePage() {
  const { t } = useTranslation('steward');
  const { fingerprint = '' } = useParams();
  const { data, error, refetch } = useCertificates();
  const issued = data?.find((certificate) => certificate.fingerprint === fingerprint);
  return (
    <StewardPage title={t('certificates.certificate')} access="administrator">
      <Anchor component={Link} to="/steward/certificates" className={classes.noPrint}>
        {t('certificates.back')}
      </Anchor>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data !== undefined && issued === undefined ? <Empty text={t('certificates.missing')} /> : null}
      {issued === undefined ? null : <Shown issued={issued} />}
    </StewardPage>
  );
}

function Shown({ issued }: { readonly issued: IssuedCertificate }) {
  const { t } = useTranslation('steward');
  const organisation = placeName(useStaff().organisation);
  const qr = authenticityQrText(issued.certificate);
  return (
    <Stack>
      <Card withBorder>
        <Group align="flex-start" gap="xl">
          <Stack style={{ flex: '1 1 18rem', minWidth: 0 }}>
            <Title order={2} size="h3">
              {issued.name}
            </Title>
            <Text>{t('certificates.certificateText', { organisation })}</Text>
            <Facts
              facts={[
                [t('certificates.licence'), issued.licence],
                [t('certificates.organisation'), organisation],
                [t('certificates.statusLabel'), <StatusBadge key="status" issued={issued} />],
                [t('certificates.until'), <DateText key="until" value={issued.notAfterMs} />],
                [t('id'), <Code key="id">{issued.person}</Code>],
                [
                  t('certificates.fingerprint'),
                  <Anchor key="fact" component={Link} to={factPath(`membership/authenticity/${issued.fingerprint}`)}>
                    <Code>{issued.fingerprint}</Code>
                  </Anchor>,
                ],
              ]}
            />
          </Stack>
          <QrCode text={qr} label={t('certificates.qr', { name: issued.name })} sizePx={320} level="L" />
        </Group>
        <Text size="sm" mt="sm">
          {t('certificates.scan')}
        </Text>
      </Card>
      <Group className={classes.noPrint}>
        <Button variant="default" onClick={() => window.print()}>
          {t('print')}
        </Button>
        <CertificateActions issued={issued} />
      </Group>
      <details className={classes.noPrint}>
        <summary>{t('verify.paste')}</summary>
        <Code>{qr}</Code>
      </details>
    </Stack>
  );
}
