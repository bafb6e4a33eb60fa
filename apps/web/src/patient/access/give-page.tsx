import { Button, Fieldset, Group, NativeSelect, Radio, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { usePatient, useSession } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { useDecided, useRecordsAt } from './access-queries.ts';
import { useActing } from './acting.ts';
import { announce, makeGrants } from './decide.ts';
import { type Draft, emptyDraft, findFault, foreignTo, plansOf } from './draft.ts';
import { DraftFields } from './draft-fields.tsx';
import { FormFault } from './form-fault.tsx';
import { endDecision } from './grant-once.ts';
import { type GranteeWords, granteeOf } from './grantee-words.ts';
import { OpeningSummary } from './opening-summary.tsx';

const PURPOSES = ['TREAT', 'HRESCH', 'HPAYMT', 'CAREMGT'] as const;
const ROLES = ['clinician', 'nurse', 'pharmacist', 'laboratory', 'researcher'] as const;
/** What is given of one's own accord; another choice is another grant. */
const DECISION = 'give';
const KINDS = ['organisation', 'role', 'person'] as const;
/** What organisations keep for themselves belongs to no patient. */
const NOT_OWN: ReadonlySet<string> = new Set(['directory', 'definitions']);

interface Member {
  readonly organisation: string;
  readonly status: string;
}

/** The patient opens something of their own accord: to whom, what, for what, and what that opens, on one page. */
export function GivePage() {
  const { t } = useTranslation('access');
  const { api } = useSession();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['network', 'members'],
    queryFn: () => api.send<{ organisations: readonly Member[] }>({ method: 'GET', path: '/api/v1/network' }),
  });
  const members = data?.organisations.filter(({ status }) => status === 'active') ?? [];
  return (
    <Page title={t('give.title')} lead={t('give.lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {members.length === 0 ? null : <GiveForm places={members.map(({ organisation }) => organisation)} />}
    </Page>
  );
}

function GiveForm({ places: slugs }: { readonly places: readonly string[] }) {
  const { t } = useTranslation('access');
  const say = useSay();
  const terms = useTerms();
  const patient = usePatient();
  const { entries } = useActing();
  const navigate = useNavigate();
  const decided = useDecided();
  const { nowMs } = useSession();
  const [openedMs] = useState(nowMs);
  const [words, setWords] = useState<GranteeWords>({
    place: slugs[0] ?? '',
    kind: 'organisation',
    role: 'clinician',
    person: '',
  });
  const grantee = granteeOf(words) ?? { kind: 'organisation', organisation: words.place };
  const [typed, setDraft] = useState(() => emptyDraft(grantee, openedMs));
  const draft: Draft = { ...typed, grantee };
  const places = useRecordsAt(foreignTo(grantee, entries));
  const records = places.flatMap((place) => place.records ?? []);
  const categories = [...new Set(records.map(({ category }) => category))].filter((name) => !NOT_OWN.has(name));
  const plans = plansOf(draft, places, { nowMs: openedMs });
  const fault = granteeOf(words) === undefined ? 'no-person' : findFault(draft, openedMs);
  const isReady = places.length > 0 && places.every((place) => place.records !== undefined);
  const allow = useMutation({
    mutationFn: async () => {
      const now = plansOf(draft, places, { nowMs: nowMs() });
      const made = await makeGrants(patient, { decision: DECISION, plans: now }, () => undefined);
      if (now[0] !== undefined) await announce(patient, now[0], made);
      await endDecision(patient, DECISION);
    },
    onSuccess: async () => {
      const until = Math.max(...plans.map(({ choice }) => choice.notAfterMs));
      say(t('give.done', { date: terms.moment(until) }));
      await decided();
      await navigate('/patient/access');
    },
  });
  return (
    <Stack>
      <GranteeFields words={words} places={slugs} onChange={setWords} />
      <NativeSelect
        label={t('form.purpose')}
        maw={360}
        value={draft.purposes[0]}
        data={PURPOSES.map((purpose) => ({ value: purpose, label: terms.purpose(purpose) }))}
        onChange={({ currentTarget }) =>
          setDraft({ ...draft, purposes: PURPOSES.filter((purpose) => purpose === currentTarget.value) })
        }
      />
      {places.length === 0 ? <Empty text={t('give.noPlaces')} /> : null}
      {places.length === 0 ? null : (
        <DraftFields draft={draft} categories={categories} places={places} onChange={setDraft} />
      )}
      {draft.categories.length === 0 ? null : <OpeningSummary plans={plans} places={places} />}
      <FormFault text={fault === undefined ? undefined : t(`form.faults.${fault}`)} />
      {allow.error === null ? null : <Failure error={allow.error} />}
      <Group>
        <Button onClick={() => allow.mutate()} disabled={!isReady || fault !== undefined} loading={allow.isPending}>
          {t('give.allow')}
        </Button>
      </Group>
    </Stack>
  );
}

function GranteeFields({
  words,
  places,
  onChange,
}: {
  readonly words: GranteeWords;
  readonly places: readonly string[];
  readonly onChange: (words: GranteeWords) => void;
}) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  return (
    <Fieldset legend={t('form.to_whom')}>
      <Stack gap="sm">
        <NativeSelect
          label={t('form.toWhomHint')}
          maw={360}
          value={words.place}
          data={places.map((place) => ({ value: place, label: terms.place(place) }))}
          onChange={({ currentTarget }) => onChange({ ...words, place: currentTarget.value })}
        />
        <Radio.Group
          label={t('form.kind')}
          value={words.kind}
          onChange={(value) => onChange({ ...words, kind: KINDS.find((kind) => kind === value) ?? 'organisation' })}
        >
          <Stack gap={6} mt={6}>
            {KINDS.map((kind) => (
              <Radio key={kind} value={kind} label={t(`form.kinds.${kind}`)} />
            ))}
          </Stack>
        </Radio.Group>
        {words.kind === 'role' ? (
          <NativeSelect
            label={t('form.role')}
            maw={360}
            value={words.role}
            data={ROLES.map((role) => ({ value: role, label: terms.role(role) }))}
            onChange={({ currentTarget }) => onChange({ ...words, role: currentTarget.value })}
          />
        ) : null}
        {words.kind === 'person' ? (
          <TextInput
            label={t('form.person')}
            description={t('form.personHint')}
            maw={360}
            value={words.person}
            autoComplete="off"
            onChange={({ currentTarget }) => onChange({ ...words, person: currentTarget.value })}
          />
        ) : null}
      </Stack>
    </Fieldset>
  );
}
