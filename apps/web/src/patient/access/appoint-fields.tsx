import { Checkbox, Fieldset, Group, NativeSelect, Stack, Text, Textarea, TextInput } from '@mantine/core';
import type { Appointment } from '@salus/contracts';
import { useTranslation } from 'react-i18next';
import { QrReader } from '../../ui/qr-reader.tsx';
import { withItem } from './draft.ts';
import { type findFault, RELATIONS, type Words } from './guardian-words.ts';
import { SCOPES } from './guardians.ts';

export const EVIDENCES = [
  'document',
  'court-order',
  'birth-certificate',
  'in-person',
  'other',
] as const satisfies readonly Appointment['evidence']['kind'][];

/** The guardian's code, name, relation, scope, end and evidence: what an appointment says, by the patient or at the desk. */
export function AppointFields({
  words,
  fault,
  isBadCode,
  isDesk = false,
  onChange,
}: {
  readonly words: Words;
  /** What is to be said beside its field now. */
  readonly fault: ReturnType<typeof findFault>;
  readonly isBadCode: boolean;
  /** The desk speaks of the patient, whom the patient's own page calls “you”. */
  readonly isDesk?: boolean;
  readonly onChange: (words: Words) => void;
}) {
  const { t } = useTranslation('guardians');
  return (
    <>
      <Stack gap="xs">
        <Textarea
          label={t('offer')}
          value={words.offer}
          autoComplete="off"
          spellCheck={false}
          rows={3}
          error={isBadCode ? t(isDesk ? 'desk.offerBad' : 'offerBad') : undefined}
          onChange={({ currentTarget }) => onChange({ ...words, offer: currentTarget.value })}
        />
        <QrReader onRead={(offer) => onChange({ ...words, offer })} />
      </Stack>
      <TextInput
        label={t('name')}
        value={words.name}
        error={fault === 'name' ? t('bad.name') : undefined}
        onChange={({ currentTarget }) => onChange({ ...words, name: currentTarget.value })}
      />
      <NativeSelect
        label={t(isDesk ? 'desk.relation' : 'relation')}
        value={words.relation}
        data={RELATIONS.map((relation) => ({ value: relation, label: t(`relations.${relation}`) }))}
        onChange={({ currentTarget }) =>
          onChange({ ...words, relation: RELATIONS.find((one) => one === currentTarget.value) ?? 'other' })
        }
      />
      <Fieldset legend={t('scope')}>
        {SCOPES.map((scope) => (
          <Checkbox
            key={scope}
            mt="xs"
            label={t(isDesk ? `desk.scopes.${scope}` : `scopes.${scope}`)}
            checked={words.scope.includes(scope)}
            onChange={({ currentTarget }) =>
              onChange({ ...words, scope: withItem(words.scope, scope, currentTarget.checked) })
            }
          />
        ))}
        {fault === 'scope' ? (
          <Text c="red.9" size="sm" role="alert">
            {t('bad.scope')}
          </Text>
        ) : null}
      </Fieldset>
      <EndFields words={words} isWrong={fault === 'date'} isDesk={isDesk} onChange={onChange} />
      <NativeSelect
        label={t('evidence')}
        value={words.evidence}
        error={fault === 'evidence' && words.evidence === '' ? t('bad.evidence') : undefined}
        data={[
          ...(isDesk ? [{ value: '', label: '–' }] : []),
          ...EVIDENCES.map((kind) => ({ value: kind, label: t(`evidences.${kind}`) })),
        ]}
        onChange={({ currentTarget }) =>
          onChange({ ...words, evidence: EVIDENCES.find((kind) => kind === currentTarget.value) ?? '' })
        }
      />
      <TextInput
        label={t('evidenceText')}
        description={isDesk ? t('desk.evidenceHint') : undefined}
        value={words.evidenceText}
        error={fault === 'evidence' && words.evidenceText.trim() === '' ? t('bad.evidence') : undefined}
        onChange={({ currentTarget }) => onChange({ ...words, evidenceText: currentTarget.value })}
      />
    </>
  );
}

function EndFields({
  words,
  isWrong,
  isDesk,
  onChange,
}: {
  readonly words: Words;
  readonly isWrong: boolean;
  readonly isDesk: boolean;
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
            label={t(isDesk ? 'desk.bornOn' : 'bornOn')}
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
