import { Group, Stack, Text, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { useTerms } from '../ui/terms.ts';
import { numberOf } from './invitation-code.ts';
import classes from './steward.module.css';
import { act, ask, type Invitation, ownPath, tell } from './steward-data.ts';

/** How soon a device that used its code is seen. */
const LOOK_AGAIN_MS = 3_000;

/** Open invitations: whose key is compared and signed, and what is withdrawn. */
export function InvitationList() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'invitations', staff.organisation],
    queryFn: () => ask<{ invitations: readonly Invitation[] }>(staff, ownPath(staff, 'invitations')),
    refetchInterval: LOOK_AGAIN_MS,
  });
  const open = data?.invitations.filter(({ state }) => state !== 'enrolled') ?? [];
  return (
    <section aria-labelledby="invitations">
      <Title order={2} size="h3" id="invitations" mb="xs">
        {t('people.invitations')}
      </Title>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data !== undefined && open.length === 0 ? <Text>{t('people.noInvitations')}</Text> : null}
      <ul className={classes.rows} aria-live="polite">
        {open.map((invitation) => (
          <InvitationRow key={invitation.ref} invitation={invitation} />
        ))}
      </ul>
    </section>
  );
}

function InvitationRow({ invitation }: { readonly invitation: Invitation }) {
  const { t } = useTranslation('steward');
  const { list, role } = useTerms();
  const staff = useStaff();
  const queries = useQueryClient();
  const { ref, account, roles, state, expiresMs, publicKey } = invitation;
  const number = publicKey === null ? '' : numberOf(publicKey);
  const enrol = async (): Promise<void> => {
    const path = `invitations/${ref}/certificate`;
    const { chain } = await tell<{ chain: readonly string[] }>(staff, 'POST', path, { publicKey });
    await act(staff, 'enrol', { certificates: [{ chain }] });
    await queries.invalidateQueries({ queryKey: ['steward'] });
  };
  const withdraw = async (): Promise<void> => {
    await tell(staff, 'DELETE', `invitations/${ref}`);
    await queries.invalidateQueries({ queryKey: ['steward', 'invitations'] });
  };
  return (
    <li>
      <Stack gap={4}>
        <Text fw={600}>{account}</Text>
        <Text size="sm">
          {list(roles.map(role))} · {t('people.ends')}: <DateText value={expiresMs} withTime />
        </Text>
        <Text size="sm">{t(`people.state.${state}`)}</Text>
        {publicKey === null ? null : (
          <Text>
            {t('people.number')}: <span className={classes.number}>{number}</span>
          </Text>
        )}
        <Group>
          {publicKey === null ? null : (
            <ConfirmButton
              size="xs"
              label={t('people.same')}
              question={t('people.sameQuestion', { account })}
              consequence={`${t('people.sameText', { number })} ${t('yourSignature')}`}
              onConfirm={enrol}
            />
          )}
          <ConfirmButton
            size="xs"
            color="red"
            variant="outline"
            label={t('people.withdraw')}
            question={t('people.withdrawQuestion', { account })}
            consequence={t('people.withdrawText')}
            onConfirm={withdraw}
          />
        </Group>
      </Stack>
    </li>
  );
}
