import { Anchor, Badge, Button, Group, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { useStaff } from '../session/index.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DateText } from '../ui/date-text.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import classes from './steward.module.css';
import { act, type IssuedCertificate, tell, useCertificates, usePeople } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

const NAME_MAX = 64;
const LICENCE_MAX = 128;

export const certificatePath = (fingerprint: string): string => `/steward/certificates/${fingerprint}`;

/** Certificates of Authenticity: issued, shown, revoked. */
export function CertificatesPage() {
  const { t } = useTranslation('steward');
  return (
    <StewardPage title={t('sections.certificates')} lead={t('certificates.lead')} access="administrator">
      <Text>
        <Anchor component={Link} to="/verify">
          {t('verify.title')}
        </Anchor>
      </Text>
      <CertificateList />
      <IssueForm />
    </StewardPage>
  );
}

function CertificateList() {
  const { t } = useTranslation('steward');
  const { data, error, refetch } = useCertificates();
  if (error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  if (data.length === 0) return <Empty text={t('certificates.empty')} />;
  return (
    <ul className={classes.rows}>
      {data.map((issued) => (
        <CertificateRow key={issued.fingerprint} issued={issued} />
      ))}
    </ul>
  );
}

function CertificateRow({ issued }: { readonly issued: IssuedCertificate }) {
  const { t } = useTranslation('steward');
  const { name, licence } = issued;
  return (
    <li>
      <Group justify="space-between" gap="xs">
        <Stack gap={2} style={{ flex: '1 1 14rem', minWidth: 0 }}>
          <Group gap="xs">
            <Anchor component={Link} to={certificatePath(issued.fingerprint)} fw={600}>
              {name}
            </Anchor>
            <StatusBadge issued={issued} />
          </Group>
          <Text size="sm">{licence}</Text>
          <Text size="sm">
            {t('certificates.issued')}: <DateText value={issued.issuedMs} />
          </Text>
        </Stack>
        <CertificateActions issued={issued} />
      </Group>
    </li>
  );
}

export function StatusBadge({ issued }: { readonly issued: IssuedCertificate }) {
  const { t } = useTranslation('steward');
  const over = issued.notAfterMs < Date.now();
  const standing = issued.status === 'valid' && over ? 'over' : (issued.status ?? 'unsigned');
  return (
    <Badge variant="outline" color={standing === 'valid' ? 'green' : 'gray'} tt="none">
      {t(`certificates.status.${standing}`)}
    </Badge>
  );
}

export function CertificateActions({ issued }: { readonly issued: IssuedCertificate }) {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>();
  const { fingerprint, name, person, status } = issued;
  const after = () => queries.invalidateQueries({ queryKey: ['steward', 'certificates'] });
  const sign = (): void => {
    setError(undefined);
    act(staff, 'certifyAuthenticity', { id: person, fingerprint }).then(after).catch(setError);
  };
  const revoke = async (): Promise<void> => {
    await act(staff, 'revokeAuthenticity', { fingerprint });
    await after();
  };
  return (
    <Group className={classes.noPrint}>
      {status === null ? (
        <Button size="xs" onClick={sign}>
          {t('certificates.sign')}
        </Button>
      ) : null}
      {status === 'valid' ? (
        <ConfirmButton
          size="xs"
          color="red"
          variant="outline"
          label={t('certificates.revoke')}
          question={t('certificates.revokeQuestion', { name })}
          consequence={`${t('certificates.revokeText')} ${t('yourSignature')}`}
          onConfirm={revoke}
        />
      ) : null}
      {error === undefined ? null : <Failure error={error} />}
    </Group>
  );
}

function IssueForm() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const people = usePeople();
  const [fields, setFields] = useState({ person: '', name: '', licence: '' });
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [person, name, licence] = [fields.person, fields.name.trim(), fields.licence.trim()];
  const issue = async (): Promise<void> => {
    const made = await tell<{ fingerprint: string }>(staff, 'POST', 'authenticity', { person, name, licence });
    await act(staff, 'certifyAuthenticity', { id: person, fingerprint: made.fingerprint });
    await queries.invalidateQueries({ queryKey: ['steward', 'certificates'] });
    await navigate(certificatePath(made.fingerprint));
  };
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    setTried(true);
    if (person === '' || name === '' || licence === '') return;
    setBusy(true);
    setError(undefined);
    issue()
      .catch(setError)
      .finally(() => setBusy(false));
  };
  const active = (people.data ?? []).filter(({ status }) => status === 'active');
  const missing = (value: string): string | undefined =>
    tried && value === '' ? t('certificates.required') : undefined;
  return (
    <section aria-labelledby="issue">
      <Title order={2} size="h3" id="issue" mb="xs">
        {t('certificates.issue')}
      </Title>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm" maw={480}>
          <NativeSelect
            label={t('certificates.person')}
            required
            value={fields.person}
            error={missing(person)}
            data={[
              { value: '', label: t('certificates.choosePerson') },
              ...active.map(({ id, account }) => ({ value: id, label: account })),
            ]}
            onChange={(event) => setFields({ ...fields, person: event.currentTarget.value })}
          />
          <TextInput
            label={t('certificates.name')}
            required
            maxLength={NAME_MAX}
            value={fields.name}
            error={missing(name)}
            onChange={(event) => setFields({ ...fields, name: event.currentTarget.value })}
          />
          <TextInput
            label={t('certificates.licence')}
            required
            maxLength={LICENCE_MAX}
            value={fields.licence}
            error={missing(licence)}
            onChange={(event) => setFields({ ...fields, licence: event.currentTarget.value })}
          />
          <Text size="sm">{t('yourSignature')}</Text>
          {error === undefined ? null : <Failure error={error} />}
          <Group>
            <Button type="submit" loading={busy}>
              {t('certificates.issueButton')}
            </Button>
          </Group>
        </Stack>
      </form>
    </section>
  );
}
