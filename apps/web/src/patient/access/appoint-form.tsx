import { Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { AppointFields } from './appoint-fields.tsx';
import { CodeToShow } from './code-to-show.tsx';
import { formatWardCode, parseOffers } from './guardian-codes.ts';
import { emptyWords, endsOf, evidenceOf, findFault, untilOf, type Words } from './guardian-words.ts';
import { appoint } from './guardians.ts';

/** The patient appoints a guardian: a code there, a code back, what they may do, until when, and what shows it. */
export function AppointForm() {
  const { t } = useTranslation('guardians');
  const say = useSay();
  const terms = useTerms();
  const patient = usePatient();
  const client = useQueryClient();
  const { nowMs } = useSession();
  const [words, setWords] = useState<Words>(() => emptyWords(nowMs()));
  const [tried, setTried] = useState(false);
  const { network, pids } = patient;
  const offers = parseOffers(words.offer, { network, places: pids });
  const fault = findFault(words, nowMs());
  const code = formatWardCode(pids);
  const save = useMutation({
    mutationFn: (evidence: NonNullable<ReturnType<typeof evidenceOf>>) => {
      const { name, relation, scope } = words;
      return appoint(patient, offers ?? [], {
        name: name.trim(),
        relation,
        scope,
        evidence,
        ends: endsOf(words),
        untilMs: untilOf(words, nowMs()),
      });
    },
    onSuccess: (untilMs) => {
      setWords(emptyWords(nowMs()));
      setTried(false);
      say(t('appointed', { date: terms.date(untilMs) }));
    },
    // Where the answer was lost, the list tells whether it was done.
    onSettled: () => client.invalidateQueries({ queryKey: ['guardian'] }),
  });
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="appoint">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          const evidence = evidenceOf(words);
          if (fault === undefined && evidence !== undefined && offers !== undefined) save.mutate(evidence);
        }}
      >
        <Stack gap="sm">
          <Title order={2} size="h4" id="appoint">
            {t('add')}
          </Title>
          <Text size="sm">{t('offerHint')}</Text>
          <CodeToShow label={t('yourCode')} code={code} />
          <AppointFields
            words={words}
            fault={tried ? fault : undefined}
            isBadCode={(tried || words.offer !== '') && offers === undefined}
            onChange={setWords}
          />
          {save.error === null ? null : <Failure error={save.error} />}
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
