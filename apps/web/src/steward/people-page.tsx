import { Badge, Group, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { useTerms } from '../ui/terms.ts';
import { InvitationList } from './invitation-list.tsx';
import { InviteForm } from './invite-form.tsx';
import classes from './steward.module.css';
import { act, type Person, tell, usePeople } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

/** Who works here with a key, whom one invites, and whose key ends. */
export function PeoplePage() {
  const { t } = useTranslation('steward');
  return (
    <StewardPage title={t('sections.people')} lead={t('people.lead')} access="administrator">
      <People />
      <InvitationList />
      <InviteForm />
    </StewardPage>
  );
}

function People() {
  const { t } = useTranslation('steward');
  const { data, error, refetch } = usePeople();
  return (
    <section aria-labelledby="people">
      <Title order={2} size="h3" id="people" mb="xs">
        {t('people.account')}
      </Title>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      <ul className={classes.rows}>
        {(data ?? []).map((person) => (
          <PersonRow key={person.id} person={person} />
        ))}
      </ul>
    </section>
  );
}

function PersonRow({ person }: { readonly person: Person }) {
  const { t } = useTranslation('steward');
  const { list, role } = useTerms();
  const staff = useStaff();
  const queries = useQueryClient();
  const isSelf = person.id === staff.id;
  const revoke = async (): Promise<void> => {
    await act(staff, 'revoke', { id: person.id, reason: 'cessation' });
    await tell(staff, 'DELETE', `staff/${encodeURIComponent(person.account)}`);
    await queries.invalidateQueries({ queryKey: ['steward', 'people'] });
  };
  return (
    <li>
      <Group justify="space-between" gap="xs">
        <Stack gap={2} style={{ flex: '1 1 14rem', minWidth: 0 }}>
          <Group gap="xs">
            <Text fw={600}>{person.account}</Text>
            {isSelf ? <Badge variant="outline">{t('people.you')}</Badge> : null}
            <Badge variant="outline" color={person.status === 'active' ? 'green' : 'gray'}>
              {t(standingOf(person))}
            </Badge>
          </Group>
          <Text size="sm">{list(person.roles.map(role))}</Text>
          {person.notAfterMs === null ? null : (
            <Text size="sm">
              {t('people.until')}: <DateText value={person.notAfterMs} />
            </Text>
          )}
        </Stack>
        {person.status !== 'active' || isSelf ? null : (
          <ConfirmButton
            size="xs"
            color="red"
            variant="outline"
            label={t('people.revoke')}
            question={t('people.revokeQuestion', { account: person.account })}
            consequence={`${t('people.revokeText')} ${t('yourSignature')}`}
            onConfirm={revoke}
          />
        )}
      </Group>
    </li>
  );
}

function standingOf({ status, disabledMs }: Person) {
  if (status === 'revoked') return 'people.revoked';
  if (disabledMs !== null) return 'people.closed';
  return status === null ? 'people.pending' : 'people.active';
}
