import { Button, Card, Group, Stack, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { Failure } from '../../ui/failure.tsx';
import { QrReader } from '../../ui/qr-reader.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import type { Place } from './acting.ts';
import { CodeToShow } from './code-to-show.tsx';
import { formatOffers, parseWardCode } from './guardian-codes.ts';
import { acceptWard, leaveWard, offerKeys } from './guardians.ts';

/** For whom this device acts, and how it comes to: their code, a code back, and the appointment. */
export function WardSection() {
  const { t } = useTranslation('guardians');
  const terms = useTerms();
  const patient = usePatient();
  const wards = patient.wallet.content.wards ?? [];
  return (
    <Card withBorder padding="md" component="section" aria-labelledby="wards">
      <Stack gap="sm">
        <Title order={2} size="h4" id="wards">
          {t('ward.title')}
        </Title>
        {wards.length === 0 ? <Text>{t('ward.none')}</Text> : null}
        {wards.map((ward) => (
          <Group key={ward.pid} justify="space-between">
            <Text>
              {t('ward.until', {
                name: ward.name,
                place: terms.place(ward.organisation),
                date: terms.date(ward.untilMs),
              })}
            </Text>
            <ConfirmButton
              label={t('ward.stop', { name: ward.name })}
              question={t('removeAsk')}
              consequence={t('removeText')}
              variant="default"
              size="compact-md"
              onConfirm={() => leaveWard(patient, ward)}
            />
          </Group>
        ))}
        <OfferForm />
      </Stack>
    </Card>
  );
}

function OfferForm() {
  const { t } = useTranslation('guardians');
  const say = useSay();
  const patient = usePatient();
  const [code, setCode] = useState('');
  const [name, setName] = useState('');
  const [bad, setBad] = useState<'code' | 'name' | undefined>();
  const make = useMutation({
    mutationFn: async (places: readonly Place[]) => ({
      places,
      offers: formatOffers(await offerKeys(patient, places)),
    }),
  });
  const accept = useMutation({
    mutationFn: (places: readonly Place[]) => acceptWard(patient, places, name.trim()),
    onSuccess: () => {
      say(t('ward.accepted', { name: name.trim() }));
      setCode('');
      setName('');
      make.reset();
    },
  });
  const submit = (): void => {
    const places = parseWardCode(code);
    const fault = places === undefined ? 'code' : name.trim() === '' ? 'name' : undefined;
    setBad(fault);
    if (places !== undefined && fault === undefined) make.mutate(places);
  };
  const made = make.data;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Stack gap="sm">
        <Text size="sm">{t('ward.lead')}</Text>
        <Textarea
          label={t('ward.code')}
          value={code}
          rows={2}
          spellCheck={false}
          error={bad === 'code' ? t('ward.bad') : undefined}
          onChange={({ currentTarget }) => setCode(currentTarget.value)}
        />
        <QrReader onRead={setCode} />
        <TextInput
          label={t('ward.name')}
          value={name}
          error={bad === 'name' ? t('bad.name') : undefined}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        {make.error === null ? null : <Failure error={make.error} />}
        <Group>
          <Button type="submit" variant="outline" loading={make.isPending}>
            {t('ward.make')}
          </Button>
        </Group>
        {made === undefined ? null : (
          <>
            <CodeToShow label={t('ward.show')} code={made.offers} />
            {accept.error === null ? null : <Failure error={accept.error} />}
            <Group>
              <Button onClick={() => accept.mutate(made.places)} loading={accept.isPending}>
                {t('ward.accept')}
              </Button>
            </Group>
          </>
        )}
      </Stack>
    </form>
  );
}
