import { Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import type { GuardianOffer } from '@salus/wallet';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AppointFields } from '../../patient/access/appoint-fields.tsx';
import { CodeToShow } from '../../patient/access/code-to-show.tsx';
import { formatWardCode, parseOffers } from '../../patient/access/guardian-codes.ts';
import { endsOf, evidenceOf, findFault, untilOf, type Words } from '../../patient/access/guardian-words.ts';
import { useSession, useStaff } from '../../session/index.ts';
import { codeOf } from '../../ui/code-of.ts';
import { Failure } from '../../ui/failure.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import type { PatientCard } from '../clinic-api.ts';
import { appointingAtDesk } from './desk-guardians.ts';
import { wordsAtDesk } from './desk-words.ts';

/** Refusals of the contract for which the desk can do something. */
const REFUSALS = ['patient-claimed', 'guardian-limit', 'guardian-age', 'device-exists', 'role-missing'] as const;

/** A code for the guardian's device, the code it shows in return, what was shown at the desk, and the registrar's signature. */
export function DeskForm({ card, pid }: { readonly card: Omit<PatientCard, 'pid'>; readonly pid: string }) {
  const { t } = useTranslation('guardians');
  const say = useSay();
  const terms = useTerms();
  const staff = useStaff();
  const client = useQueryClient();
  const { nowMs } = useSession();
  const [words, setWords] = useState<Words>(() => wordsAtDesk(card.birthDate, nowMs()));
  const [tried, setTried] = useState(false);
  const [appoint] = useState(() => appointingAtDesk(staff));
  const { organisation, wallet } = staff;
  const places = [{ organisation, pid }];
  const [offer] = parseOffers(words.offer, { network: wallet.network, places }) ?? [];
  const fault = findFault(words, nowMs());
  const evidence = evidenceOf(words);
  const save = useMutation({
    mutationFn: (shown: { readonly offer: GuardianOffer; readonly evidence: NonNullable<typeof evidence> }) => {
      const { name, relation, scope } = words;
      return appoint(words, shown.offer, {
        scope,
        guardian: { name: name.trim(), relation },
        evidence: { ...shown.evidence, digest: null },
        ends: endsOf(words),
        wantedMs: untilOf(words, nowMs()),
      });
    },
    onSuccess: (untilMs) => {
      setWords(wordsAtDesk(card.birthDate, nowMs()));
      setTried(false);
      say(t('appointed', { date: terms.date(untilMs) }));
    },
    // Where the answer was lost, the list tells whether it was done.
    onSettled: () => client.invalidateQueries({ queryKey: ['guardian'] }),
  });
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="appoint">
      <form
        noValidate
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (fault === undefined && evidence !== undefined && offer !== undefined) save.mutate({ offer, evidence });
        }}
      >
        <Stack gap="sm">
          <Title order={2} size="h4" id="appoint">
            {t('add')}
          </Title>
          <Text size="sm">{t('desk.offerHint')}</Text>
          <CodeToShow label={t('desk.code')} code={formatWardCode(places)} />
          <AppointFields
            words={words}
            fault={tried ? fault : undefined}
            isBadCode={(tried || words.offer !== '') && offer === undefined}
            isDesk
            onChange={setWords}
          />
          <Text size="sm">{t('desk.sign')}</Text>
          {save.error === null ? null : <Refused error={save.error} />}
          <Group>
            <Button type="submit" loading={save.isPending}>
              {t('appoint')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

function Refused({ error }: { readonly error: unknown }) {
  const { t } = useTranslation('guardians');
  const known = REFUSALS.find((code) => code === codeOf(error));
  return known === undefined ? <Failure error={error} /> : <Failure error={error} text={t(`desk.refused.${known}`)} />;
}
