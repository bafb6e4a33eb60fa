import { Badge, Card, Stack, Text, Title } from '@mantine/core';
import type { PidEntry } from '@salus/wallet';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { type HostedLink, listLinks, revokeLink } from './health-links.ts';
import { LinkForm, type MadeLink } from './link-form.tsx';
import { ReadyLink } from './ready-link.tsx';
import { RecordState } from './record-state.tsx';

const KEY = ['access', 'health-links'];

export function Component() {
  const { t } = useTranslation('record');
  const client = useQueryClient();
  const [made, setMade] = useState<MadeLink>();
  return (
    <Page title={t('views.links')} lead={t('links.lead')}>
      {made === undefined ? (
        <RecordState isWhole>
          {(entries) => (
            <LinkForm
              entries={entries}
              onMade={(link) => {
                setMade(link);
                void client.invalidateQueries({ queryKey: KEY });
              }}
            />
          )}
        </RecordState>
      ) : (
        <ReadyLink made={made} onDone={() => setMade(undefined)} />
      )}
      <MadeLinks />
    </Page>
  );
}

interface LinkAt {
  readonly entry: PidEntry;
  readonly link: HostedLink;
}

function MadeLinks() {
  const { t } = useTranslation('record');
  const patient = usePatient();
  const id = useId();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: [...KEY, patient.pids.map(({ pid }) => pid)],
    queryFn: async (): Promise<readonly LinkAt[]> => {
      const perPid = await Promise.all(
        patient.pids.map(async (entry) =>
          (await listLinks(await patient.at(entry.pid))).map((link) => ({ entry, link })),
        ),
      );
      return perPid.flat().sort((left, right) => right.link.createdMs - left.link.createdMs);
    },
  });
  return (
    <Stack component="section" aria-labelledby={id} gap="sm">
      <Title order={2} size="h3" id={id}>
        {t('links.list')}
      </Title>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? <Text>{t('links.none')}</Text> : null}
      {data?.map((one) => (
        <LinkCard key={one.link.link} {...one} onChange={() => void refetch()} />
      ))}
    </Stack>
  );
}

const COLOURS = { active: 'green', expired: 'gray', revoked: 'gray', locked: 'red' } as const;

function LinkCard({ entry, link, onChange }: LinkAt & { readonly onChange: () => void }) {
  const { t } = useTranslation('record');
  const { moment, place } = useTerms();
  const patient = usePatient();
  const { state, opened, createdMs, expiresMs, hasPasscode, remainingAttempts, guardian } = link;
  return (
    <Card withBorder padding="md">
      <Stack gap="xs" align="flex-start">
        <Badge variant="outline" color={COLOURS[state]}>
          {t(`links.state.${state}`)}
        </Badge>
        <Text>{`${t('links.made')} ${moment(createdMs)} · ${place(entry.organisation)}`}</Text>
        <Text size="sm">{`${t('links.until')} ${moment(expiresMs)}`}</Text>
        <Text size="sm">
          {[
            guardian === null ? '' : t('links.byGuardian'),
            opened === 0 ? t('links.notOpened') : t('links.opened', { count: opened }),
            hasPasscode && state === 'active' ? t('links.tries', { count: remainingAttempts }) : '',
          ]
            .filter((part) => part !== '')
            .join(' · ')}
        </Text>
        {state === 'active' ? (
          <ConfirmButton
            label={t('links.revoke')}
            question={t('links.revokeQuestion')}
            consequence={t('links.revokeText')}
            color="red"
            variant="outline"
            onConfirm={async () => {
              await revokeLink(await patient.at(entry.pid), link.link);
              onChange();
            }}
          />
        ) : null}
      </Stack>
    </Card>
  );
}
