import { Button, Checkbox, Group, Select, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core';
import { PURPOSES, type Purpose } from '@salus/contracts';
import { CATEGORIES } from '@salus/fhir/parse';
import { accessRequest } from '@salus/wallet';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession, useStaff } from '../../session/index.ts';
import { focusFault } from '../../ui/focus-fault.ts';
import { useTerms } from '../../ui/terms.ts';
import { Written } from '../write/written.tsx';
import { accessKey } from './access-key.ts';

const DAY_MS = 86_400_000;
const DAYS_USUAL = 30;
const WORDS_MAX = 1_000;
/** What a clinician asks for; the rest is named by nobody at a bedside. */
const ASKED: readonly string[] = [
  ...['laboratory', 'medication', 'imaging', 'vital-signs', 'problems', 'allergies', 'immunizations', 'procedures'],
  ...['encounters', 'documents', 'notes', 'care-plans'],
].filter((category) => (CATEGORIES as readonly string[]).includes(category));
const ASKED_PURPOSES = PURPOSES.filter((purpose) => ['TREAT', 'CAREMGT', 'COC', 'HRESCH'].includes(purpose));
const GRANTEES = ['person', 'organisation'] as const;

/** Asks the patient, with the clinician's own signature; only the patient reads the words. */
export function RequestForm({ pid, patient }: { readonly pid: string; readonly patient: string }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const staff = useStaff();
  const { nowMs } = useSession();
  const client = useQueryClient();
  const [categories, setCategories] = useState<readonly string[]>([]);
  const [purpose, setPurpose] = useState<Purpose>('TREAT');
  const [grantee, setGrantee] = useState<(typeof GRANTEES)[number]>('person');
  const [until, setUntil] = useState(() => dayText(nowMs() + DAYS_USUAL * DAY_MS));
  const [words, setWords] = useState('');
  const [faults, setFaults] = useState<{ readonly categories?: boolean; readonly until?: boolean }>({});
  const ask = useMutation({
    mutationFn: async (notAfterMs: number) => {
      const { wallet, occasion, session } = staff.atWork();
      const { organisation } = staff;
      const asked = await accessRequest(wallet, occasion, {
        pid,
        grantee:
          grantee === 'person'
            ? { kind: 'person', organisation, id: staff.id }
            : { kind: 'organisation', organisation },
        categories,
        purposes: [purpose],
        notAfterMs,
        text: words.trim(),
      });
      const body = { call: asked.call, privateArgs: asked.privateArgs };
      const path = `/api/v1/orgs/${organisation}/requests`;
      await session.api.send({ method: 'POST', path, body, token: session.token, repeatable: true });
    },
    onSuccess: () => {
      setCategories([]);
      setWords('');
      return client.invalidateQueries({ queryKey: accessKey(staff.id, patient) });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const notAfterMs = Date.parse(`${until}T23:59:59`);
    const lacks = { categories: categories.length === 0, until: !(notAfterMs > nowMs()) };
    setFaults(lacks);
    if (Object.values(lacks).includes(true)) focusFault(event.currentTarget);
    if (!lacks.categories && !lacks.until) ask.mutate(notAfterMs);
  };
  return (
    <form noValidate onSubmit={submit} aria-labelledby="elsewhere-ask">
      <Stack maw={640}>
        <Checkbox.Group
          label={t('request.what')}
          description={t('request.whatHint')}
          value={[...categories]}
          onChange={setCategories}
          error={faults.categories === true ? t('request.nothing') : undefined}
        >
          <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" spacing="xs">
            {ASKED.map((category) => (
              <Checkbox key={category} value={category} label={terms.category(category)} />
            ))}
          </SimpleGrid>
        </Checkbox.Group>
        <Select
          label={t('request.purpose')}
          data={ASKED_PURPOSES.map((code) => ({ value: code, label: terms.purpose(code) }))}
          value={purpose}
          onChange={(value) => setPurpose(ASKED_PURPOSES.find((code) => code === value) ?? 'TREAT')}
          allowDeselect={false}
        />
        <Select
          label={t('request.who')}
          data={GRANTEES.map((value) => ({ value, label: t(`request.grantees.${value}`) }))}
          value={grantee}
          onChange={(value) => setGrantee(value === 'organisation' ? 'organisation' : 'person')}
          allowDeselect={false}
        />
        <TextInput
          label={t('request.until')}
          type="date"
          value={until}
          onChange={(event) => setUntil(event.currentTarget.value)}
          error={faults.until === true ? t('request.past') : undefined}
        />
        <Textarea
          label={t('request.words')}
          description={t('request.wordsHint')}
          autosize
          minRows={2}
          maxLength={WORDS_MAX}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
        />
        <Group>
          <Button type="submit" loading={ask.isPending}>
            {t('request.send')}
          </Button>
        </Group>
        <Written error={ask.error} isDone={ask.isSuccess} what={t('request.sent')} detail={t('request.wordsHint')} />
      </Stack>
    </form>
  );
}

/** `YYYY-MM-DD` of the device's own clock, as a date field wants it. */
function dayText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
