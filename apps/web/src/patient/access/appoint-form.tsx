import {
  Button,
  Card,
  Checkbox,
  CopyButton,
  Fieldset,
  Group,
  NativeSelect,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import type { Appointment } from '@salus/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { QrCode } from '../../ui/qr-code.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { withItem } from './draft.ts';
import { formatWardCode, parseOffers } from './guardian-codes.ts';
import { emptyWords, endsOf, findFault, RELATIONS, untilOf, type Words } from './guardian-words.ts';
import { appoint, SCOPES } from './guardians.ts';

/** Beyond, the picture is too fine for a camera; the text does. */
const QR_CHARS_MAX = 1_500;
const EVIDENCES = [
  'document',
  'court-order',
  'birth-certificate',
  'in-person',
  'other',
] as const satisfies readonly Appointment['evidence']['kind'][];

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
    mutationFn: () => {
      const { name, relation, scope, evidence, evidenceText } = words;
      return appoint(patient, offers ?? [], {
        name: name.trim(),
        relation,
        scope,
        evidence: { kind: evidence, text: evidenceText.trim() },
        ends: endsOf(words),
        untilMs: untilOf(words, nowMs()),
      });
    },
    onSuccess: async (untilMs) => {
      setWords(emptyWords(nowMs()));
      setTried(false);
      say(t('appointed', { date: terms.date(untilMs) }));
      await client.invalidateQueries({ queryKey: ['guardian'] });
    },
  });
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="appoint">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (fault === undefined && offers !== undefined) save.mutate();
        }}
      >
        <Stack gap="sm">
          <Title order={2} size="h4" id="appoint">
            {t('add')}
          </Title>
          <Text size="sm">{t('offerHint')}</Text>
          <CodeToShow label={t('yourCode')} code={code} />
          <Textarea
            label={t('offer')}
            value={words.offer}
            autoComplete="off"
            spellCheck={false}
            rows={3}
            error={(tried || words.offer !== '') && offers === undefined ? t('offerBad') : undefined}
            onChange={({ currentTarget }) => setWords({ ...words, offer: currentTarget.value })}
          />
          <TextInput
            label={t('name')}
            value={words.name}
            error={tried && fault === 'name' ? t('bad.name') : undefined}
            onChange={({ currentTarget }) => setWords({ ...words, name: currentTarget.value })}
          />
          <NativeSelect
            label={t('relation')}
            value={words.relation}
            data={RELATIONS.map((relation) => ({ value: relation, label: t(`relations.${relation}`) }))}
            onChange={({ currentTarget }) =>
              setWords({ ...words, relation: RELATIONS.find((one) => one === currentTarget.value) ?? 'other' })
            }
          />
          <Fieldset legend={t('scope')}>
            {SCOPES.map((scope) => (
              <Checkbox
                key={scope}
                mt="xs"
                label={t(`scopes.${scope}`)}
                checked={words.scope.includes(scope)}
                onChange={({ currentTarget }) =>
                  setWords({ ...words, scope: withItem(words.scope, scope, currentTarget.checked) })
                }
              />
            ))}
            {tried && fault === 'scope' ? (
              <Text c="red.9" size="sm" role="alert">
                {t('bad.scope')}
              </Text>
            ) : null}
          </Fieldset>
          <EndFields words={words} isWrong={tried && fault === 'date'} onChange={setWords} />
          <NativeSelect
            label={t('evidence')}
            value={words.evidence}
            data={EVIDENCES.map((kind) => ({ value: kind, label: t(`evidences.${kind}`) }))}
            onChange={({ currentTarget }) =>
              setWords({ ...words, evidence: EVIDENCES.find((kind) => kind === currentTarget.value) ?? 'other' })
            }
          />
          <TextInput
            label={t('evidenceText')}
            value={words.evidenceText}
            error={tried && fault === 'evidence' ? t('bad.evidence') : undefined}
            onChange={({ currentTarget }) => setWords({ ...words, evidenceText: currentTarget.value })}
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

function EndFields({
  words,
  isWrong,
  onChange,
}: {
  readonly words: Words;
  readonly isWrong: boolean;
  readonly onChange: (words: Words) => void;
}) {
  const { t } = useTranslation('guardians');
  const error = isWrong ? t('bad.date') : undefined;
  return (
    <Fieldset legend={t('endsKind')}>
      <NativeSelect
        aria-label={t('endsKind')}
        value={words.endsKind}
        data={(['date', 'age'] as const).map((kind) => ({ value: kind, label: t(`endsKinds.${kind}`) }))}
        onChange={({ currentTarget }) =>
          onChange({ ...words, endsKind: currentTarget.value === 'age' ? 'age' : 'date' })
        }
      />
      {words.endsKind === 'date' ? (
        <TextInput
          mt="xs"
          type="date"
          label={t('ends')}
          description={t('endsHint')}
          value={words.endsOn}
          error={error}
          onChange={({ currentTarget }) => onChange({ ...words, endsOn: currentTarget.value })}
        />
      ) : (
        <Group mt="xs" align="flex-end">
          <TextInput
            type="date"
            label={t('bornOn')}
            value={words.bornOn}
            error={error}
            onChange={({ currentTarget }) => onChange({ ...words, bornOn: currentTarget.value })}
          />
          <TextInput
            type="number"
            label={t('years')}
            value={words.years}
            onChange={({ currentTarget }) => onChange({ ...words, years: currentTarget.value })}
          />
        </Group>
      )}
    </Fieldset>
  );
}

/** A code for another device: as a picture for its camera, and as text to copy. */
export function CodeToShow({ label, code }: { readonly label: string; readonly code: string }) {
  const { t } = useTranslation('guardians');
  return (
    <Stack gap={4} align="flex-start">
      <Text size="sm" fw={600}>
        {label}
      </Text>
      {code.length > QR_CHARS_MAX ? null : <QrCode text={code} label={label} level="L" />}
      <Text component="code" size="xs" dir="ltr" style={{ overflowWrap: 'anywhere' }}>
        {code}
      </Text>
      <CopyButton value={code}>
        {({ copied, copy }) => (
          <Button size="compact-sm" variant="default" onClick={copy}>
            {t(copied ? 'copied' : 'copy')}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}
