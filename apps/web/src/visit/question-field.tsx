import { Group, Radio, Textarea } from '@mantine/core';
import type { Question } from '@salus/fhir/visit';
import { useTranslation } from 'react-i18next';

const TEXT_MAX = 1_000;

/** One question of the questionnaire; it may stay unanswered. */
export function QuestionField({
  question,
  value,
  onChange,
}: {
  readonly question: Question;
  readonly value: string | boolean | undefined;
  readonly onChange: (value: string | boolean) => void;
}) {
  const { t } = useTranslation('visit');
  const label = t(`question.${question.linkId}`);
  switch (question.kind) {
    case 'text':
      return (
        <Textarea
          label={label}
          rows={2}
          maxLength={TEXT_MAX}
          value={typeof value === 'string' ? value : ''}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case 'yes-no':
      return (
        <Radio.Group
          label={label}
          value={typeof value === 'boolean' ? String(value) : ''}
          onChange={(chosen) => onChange(chosen === 'true')}
        >
          <Group mt="xs">
            <Radio value="true" label={t('yes')} />
            <Radio value="false" label={t('no')} />
          </Group>
        </Radio.Group>
      );
    case 'choice':
      return (
        <Radio.Group label={label} value={typeof value === 'string' ? value : ''} onChange={onChange}>
          <Group mt="xs">
            {question.options.map((option) => (
              <Radio key={option} value={option} label={t(`since.${option}`)} />
            ))}
          </Group>
        </Radio.Group>
      );
  }
}
