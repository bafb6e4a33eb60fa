import { Badge, Card, Group, Stack, Text, Title } from '@mantine/core';
import type { IdentityFact, NetworkFact, ProposalFact, RootsFact, VoteFact } from '@salus/contracts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { type StaffSession, useStaff } from '../session/index.ts';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { DateText } from '../ui/date-text.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { placeName, useTerms } from '../ui/terms.ts';
import { Facts } from './facts.tsx';
import classes from './steward.module.css';
import { ADMINISTRATOR, act, readEntries, readFact } from './steward-data.ts';
import { StewardPage } from './steward-frame.tsx';

/** Entries of one listing. */
const PAGE = 200;

/** The members of the network and what they decide together. */
export function MembersPage() {
  const { t } = useTranslation('steward');
  return (
    <StewardPage title={t('sections.members')} lead={t('members.lead')} access="staff">
      <Members />
      <Proposals />
    </StewardPage>
  );
}

interface Member {
  readonly roots: RootsFact;
  readonly people: number;
  readonly machines: number;
}

async function readMembers(staff: StaffSession): Promise<readonly Member[]> {
  const network = await readFact<NetworkFact>(staff, 'membership/network');
  const identities = (await readEntries(staff, 'membership/identity/', PAGE)).map(
    ({ value }) => value as unknown as IdentityFact,
  );
  const active = identities.filter(({ status }) => status === 'active');
  return Promise.all(
    (network?.organisations ?? []).map(async (organisation) => {
      const own = active.filter((identity) => identity.organisation === organisation);
      const people = own.filter(({ kind }) => kind === 'staff').length;
      const roots = await readFact<RootsFact>(staff, `membership/roots/${organisation}`);
      return { roots: roots!, people, machines: own.length - people };
    }),
  );
}

function Members() {
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'members', staff.organisation],
    queryFn: () => readMembers(staff),
  });
  if (error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading />;
  return (
    <Stack gap="sm">
      {data.map((member) => (
        <MemberCard key={member.roots.organisation} member={member} />
      ))}
    </Stack>
  );
}

function MemberCard({ member: { roots, people, machines } }: { readonly member: Member }) {
  const { t, i18n } = useTranslation('steward');
  const staff = useStaff();
  const number = new Intl.NumberFormat(i18n.language);
  const id = `member-${roots.organisation}`;
  return (
    <Card withBorder component="section" aria-labelledby={id}>
      <Group gap="xs" mb="xs">
        <Title order={2} size="h4" id={id}>
          {placeName(roots.organisation)}
        </Title>
        <Badge variant="outline" color={roots.status === 'active' ? 'green' : 'gray'} tt="none">
          {t(`members.status.${roots.status}`)}
        </Badge>
        {roots.organisation === staff.organisation ? (
          <Badge variant="outline" tt="none">
            {t('members.here')}
          </Badge>
        ) : null}
      </Group>
      <Facts
        facts={[
          [t('members.people'), number.format(people)],
          [t('members.machines'), number.format(machines)],
          [t('members.keys'), number.format(roots.hpke.filter(({ untilMs }) => untilMs === null).length)],
          [
            t('members.authorities'),
            <ul key="authorities" className={classes.rows}>
              {roots.ca.map(({ authority, fromMs, untilMs }) => (
                <li key={authority}>
                  <Text size="sm">
                    {t('members.authoritySince')} <DateText value={fromMs} />
                    {untilMs === null ? null : (
                      <>
                        {' · '}
                        {t('members.authorityEnded')} <DateText value={untilMs} />
                      </>
                    )}
                  </Text>
                </li>
              ))}
            </ul>,
          ],
        ]}
      />
    </Card>
  );
}

interface Proposal {
  readonly id: string;
  readonly fact: ProposalFact;
  readonly votes: readonly (VoteFact & { readonly organisation: string })[];
}

async function readProposals(staff: StaffSession): Promise<readonly Proposal[]> {
  const entries = await readEntries(staff, 'membership/proposal/', PAGE);
  const proposals = await Promise.all(
    entries.map(async ({ key, value }) => {
      const id = key.slice('membership/proposal/'.length);
      const votes = (await readEntries(staff, `membership/vote/${id}/`, PAGE)).map((vote) => ({
        ...(vote.value as unknown as VoteFact),
        organisation: vote.key.slice(vote.key.lastIndexOf('/') + 1),
      }));
      return { id, fact: value as unknown as ProposalFact, votes };
    }),
  );
  return proposals.sort((left, right) => right.fact.proposedMs - left.fact.proposedMs);
}

function Proposals() {
  const { t } = useTranslation('steward');
  const staff = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'proposals', staff.organisation],
    queryFn: () => readProposals(staff),
  });
  return (
    <section aria-labelledby="proposals">
      <Title order={2} size="h3" id="proposals" mb="xs">
        {t('members.proposals')}
      </Title>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? <Text>{t('members.noProposals')}</Text> : null}
      <ul className={classes.rows}>
        {(data ?? []).map((proposal) => (
          <ProposalRow key={proposal.id} proposal={proposal} />
        ))}
      </ul>
    </section>
  );
}

function ProposalRow({ proposal: { id, fact, votes } }: { readonly proposal: Proposal }) {
  const { t } = useTranslation('steward');
  const { list, place } = useTerms();
  const staff = useStaff();
  const queries = useQueryClient();
  const named = (approve: boolean): string => {
    const names = votes.filter((vote) => vote.approve === approve).map(({ organisation }) => place(organisation));
    return names.length === 0 ? t('none') : list(names);
  };
  const open = fact.status === 'open' && Date.now() < fact.notAfterMs;
  const mayVote =
    open &&
    staff.roles.includes(ADMINISTRATOR) &&
    !votes.some(({ organisation }) => organisation === staff.organisation);
  const vote = async (approve: boolean): Promise<void> => {
    await act(staff, 'vote', { proposal: id, approve });
    await queries.invalidateQueries({ queryKey: ['steward'] });
  };
  return (
    <li>
      <Stack gap={4}>
        <Text fw={600}>{t(`members.proposal.${fact.effect.kind}`, { name: nameOf(fact) })}</Text>
        <Text size="sm">
          {t('members.proposed')}: <DateText value={fact.proposedMs} /> · {t(`members.state.${fact.status}`)}
        </Text>
        <Text size="sm">{t('members.votes', { yes: named(true), no: named(false) })}</Text>
        {mayVote ? (
          <Group>
            {([true, false] as const).map((approve) => {
              const label = t(approve ? 'members.voteFor' : 'members.voteAgainst');
              return (
                <ConfirmButton
                  key={label}
                  size="xs"
                  variant={approve ? 'filled' : 'outline'}
                  label={label}
                  question={t('members.voteQuestion', { vote: label })}
                  consequence={`${t('members.voteText')} ${t('yourSignature')}`}
                  onConfirm={() => vote(approve)}
                />
              );
            })}
          </Group>
        ) : null}
      </Stack>
    </li>
  );
}

function nameOf({ effect }: ProposalFact): string {
  switch (effect.kind) {
    case 'join':
      return placeName(effect.applicant.organisation);
    case 'roots':
    case 'removal':
      return placeName(effect.organisation);
    case 'move':
      return effect.channel;
  }
}
