import { Button, Group, Select, Stack, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { focusFault } from '../../ui/focus-fault.ts';
import { NOTE_CHARACTERS_MAX, NOTE_KINDS, noteOf } from './note.ts';
import { useWriting } from './use-writing.ts';
import { Written } from './written.tsx';

export function NoteForm({ patient }: { readonly patient: string }) {
  const { t } = useTranslation('clinician');
  const [kind, setKind] = useState<(typeof NOTE_KINDS)[number]['code']>(NOTE_KINDS[0].code);
  const [text, setText] = useState('');
  const [fault, setFault] = useState(false);
  const writing = useWriting(patient);
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setFault(text.trim() === '');
    if (text.trim() === '') focusFault(event.currentTarget);
    else writing.mutate((by) => noteOf(by, { kind, text }), { onSuccess: () => setText('') });
  };
  return (
    <form noValidate onSubmit={submit} aria-label={t('write.kinds.note')}>
      <Stack>
        <Select
          label={t('note.kind')}
          data={NOTE_KINDS.map(({ code }) => ({ value: code, label: t(`note.kinds.${code}`) }))}
          value={kind}
          onChange={(value) => setKind(NOTE_KINDS.find(({ code }) => code === value)?.code ?? NOTE_KINDS[0].code)}
          allowDeselect={false}
        />
        <Textarea
          label={t('note.text')}
          autosize
          minRows={6}
          maxLength={NOTE_CHARACTERS_MAX}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={fault ? t('note.empty') : undefined}
        />
        <Group>
          <Button type="submit" loading={writing.isPending}>
            {t('note.save')}
          </Button>
        </Group>
        <Written error={writing.error} isDone={writing.isSuccess} what={t('note.saved')} />
      </Stack>
    </form>
  );
}
