import { Button, Card, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type SyntheticEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { codeOf } from '../ui/code-of.ts';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { useTerms } from '../ui/terms.ts';
import { bytesText } from './sizes.ts';
import classes from './steward.module.css';
import { ADMINISTRATOR, ask, ownPath, tell } from './steward-data.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

interface Backup {
  readonly name: string;
  readonly atMs: number;
  readonly number: number;
  readonly files: number;
  readonly bytes: number;
  readonly organisations: readonly string[];
}

interface Backups {
  readonly offered: boolean;
  readonly backups: readonly Backup[];
  readonly unfinished: readonly string[];
}

/** What lies in the operator's directory of backups, and a new one. */
export function BackupSection() {
  const { t } = useTranslation('steward');
  const { list } = useTerms();
  const staff = useStaff();
  const isAdministrator = staff.roles.includes(ADMINISTRATOR);
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'backups', staff.organisation],
    enabled: isAdministrator,
    queryFn: () => ask<Backups>(staff, ownPath(staff, 'backups')),
  });
  return (
    <Card withBorder component="section" aria-labelledby="backups">
      <Stack gap="sm">
        <Title order={2} size="h3" id="backups">
          {t('safety.backups')}
        </Title>
        <Text>{t('safety.backupsText')}</Text>
        {isAdministrator ? null : <Text>{t('needsAdministrator')}</Text>}
        {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
        {isAdministrator && data === undefined && error === null ? <Loading /> : null}
        {data?.offered === false ? <Text>{t('safety.noCopies')}</Text> : null}
        {data?.offered === true && data.backups.length === 0 ? <Text>{t('safety.noBackups')}</Text> : null}
        <ul className={classes.rows}>
          {(data?.backups ?? []).map((backup) => (
            <BackupRow key={backup.name} backup={backup} />
          ))}
        </ul>
        {data === undefined || data.unfinished.length === 0 ? null : (
          <Text size="sm">{t('safety.unfinished', { names: list(data.unfinished) })}</Text>
        )}
        {data?.offered === true ? <NewBackup /> : null}
      </Stack>
    </Card>
  );
}

function BackupRow({ backup }: { readonly backup: Backup }) {
  const { t, i18n } = useTranslation('steward');
  const number = new Intl.NumberFormat(i18n.language).format(backup.number);
  return (
    <li>
      <Text fw={600}>{backup.name}</Text>
      <Text size="sm">
        <DateText value={backup.atMs} withTime /> · {t('safety.upTo')} {number} ·{' '}
        {t('safety.files', { count: backup.files })}, {bytesText(backup.bytes, i18n.language)}
      </Text>
    </li>
  );
}

function NewBackup() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [wrong, setWrong] = useState(false);
  const make = useMutation({
    mutationFn: (given: string) => tell<object>(staff, 'POST', 'backups', { name: given }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['steward', 'backups'] }),
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const given = name.trim();
    setWrong(!NAME.test(given));
    if (NAME.test(given)) make.mutate(given);
  };
  const taken = codeOf(make.error) === 'bad-input' ? { text: t('safety.taken') } : {};
  return (
    <form onSubmit={submit}>
      <Stack gap="xs">
        <Group align="flex-end" gap="xs">
          <TextInput
            style={{ flex: '1 1 14rem' }}
            label={t('safety.backupName')}
            description={t('safety.backupNameHint')}
            value={name}
            maxLength={64}
            autoComplete="off"
            error={wrong ? t('safety.backupNameWrong') : undefined}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" loading={make.isPending}>
            {t('safety.backUp')}
          </Button>
        </Group>
        <div role="status">{make.isSuccess ? <Text>{t('safety.made', { name: make.variables })}</Text> : null}</div>
        {make.error === null ? null : <Failure error={make.error} {...taken} />}
      </Stack>
    </form>
  );
}
