import { Button, Checkbox, Fieldset, Group, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../../ui/terms.ts';
import { type Draft, withItem } from './draft.ts';
import { shortId } from './grant-words.ts';
import { isPersonId } from './people.ts';
import { usePeople } from './use-people.ts';

/** “Not this person”: those of the grantee's place who looked before, or a number that the patient was told. */
export function ExceptFields({
  draft,
  fixed = [],
  onChange,
}: {
  readonly draft: Draft;
  /** Those who are shut out already and cannot be let in again. */
  readonly fixed?: readonly string[] | undefined;
  readonly onChange: (draft: Draft) => void;
}) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const { grantee } = draft;
  const organisation = grantee.kind === 'card' ? undefined : grantee.organisation;
  const people = usePeople().filter((person) => person.organisation === organisation);
  const [typed, setTyped] = useState('');
  const [bad, setBad] = useState(false);
  const others = draft.except.filter((id) => !people.some((person) => person.id === id));
  const add = (): void => {
    setBad(!isPersonId(typed.trim()));
    if (!isPersonId(typed.trim())) return;
    onChange({ ...draft, except: withItem(draft.except, typed.trim(), true) });
    setTyped('');
  };
  if (grantee.kind === 'client' || grantee.kind === 'card') return null;
  return (
    <Fieldset legend={t('form.except')}>
      <Text size="sm">{t('form.exceptHint')}</Text>
      {people.map(({ id, roles }) => (
        <Checkbox
          key={id}
          mt="xs"
          label={`${terms.list(roles.map(terms.role))} · ${t('form.number', { id: shortId(id) })}`}
          checked={draft.except.includes(id)}
          disabled={fixed.includes(id)}
          onChange={({ currentTarget }) =>
            onChange({ ...draft, except: withItem(draft.except, id, currentTarget.checked) })
          }
        />
      ))}
      {others.map((id) => (
        <Checkbox
          key={id}
          mt="xs"
          checked
          disabled={fixed.includes(id)}
          label={t('form.number', { id: shortId(id) })}
          onChange={() => onChange({ ...draft, except: withItem(draft.except, id, false) })}
        />
      ))}
      <Group mt="xs" align="flex-end">
        <TextInput
          label={t('form.exceptAdd')}
          value={typed}
          error={bad ? t('form.exceptBad') : undefined}
          onChange={({ currentTarget }) => setTyped(currentTarget.value)}
          autoComplete="off"
        />
        <Button variant="default" onClick={add}>
          {t('form.exceptAddButton')}
        </Button>
      </Group>
    </Fieldset>
  );
}
