import { Badge, Button, Card, Group, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useStaff } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { focusFault } from '../../ui/focus-fault.ts';
import { parsePatientCode } from '../../ui/patient-code.ts';
import { QrReader } from '../../ui/qr-reader.tsx';
import { type Description, type FoundPatient, searchPatients } from '../clinic-api.ts';
import { PersonText } from './person-text.tsx';

const EMPTY = { name: '', birthDate: '', phone: '', identifier: '', code: '' };
type Fields = typeof EMPTY;

/** Finds a patient among those whom the person may see; each search stands in the log. */
export function FindPatient({ to = chartOf }: { readonly to?: (fhirId: string) => string }) {
  const { t } = useTranslation('clinician');
  const staff = useStaff();
  const [fields, setFields] = useState<Fields>(EMPTY);
  const [fault, setFault] = useState<string>();
  const search = useMutation({ mutationFn: (asked: Description) => searchPatients(staff.session, asked) });
  const set = (name: keyof Fields) => (event: { readonly currentTarget: { readonly value: string } }) => {
    const { value } = event.currentTarget;
    setFields((before) => ({ ...before, [name]: value }));
  };
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const asked = describe(fields, staff.organisation);
    setFault(typeof asked === 'string' ? t(`find.faults.${asked}`) : undefined);
    if (typeof asked === 'string') focusFault(event.currentTarget);
    else search.mutate(asked);
  };
  return (
    <Stack component="section" aria-labelledby="find-title">
      <Title order={2} size="h3" id="find-title">
        {t('find.title')}
      </Title>
      <Text size="sm">{t('find.lead')}</Text>
      <search aria-labelledby="find-title">
        <form noValidate onSubmit={submit} autoComplete="off">
          <Stack>
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TextInput
                label={t('find.name')}
                description={t('find.nameHint')}
                value={fields.name}
                onChange={set('name')}
                error={fault}
                maxLength={200}
              />
              <TextInput
                label={t('find.birthDate')}
                description={t('find.birthDateHint')}
                type="date"
                value={fields.birthDate}
                onChange={set('birthDate')}
              />
              <TextInput
                label={t('find.phone')}
                type="tel"
                value={fields.phone}
                onChange={set('phone')}
                maxLength={40}
              />
              <TextInput
                label={t('find.identifier')}
                value={fields.identifier}
                onChange={set('identifier')}
                maxLength={200}
              />
              <TextInput
                label={t('find.code')}
                description={t('find.codeHint')}
                value={fields.code}
                onChange={set('code')}
                maxLength={200}
              />
            </SimpleGrid>
            <QrReader onRead={(text) => setFields({ ...EMPTY, code: text })} />
            <Group>
              <Button type="submit" loading={search.isPending}>
                {t('find.submit')}
              </Button>
              <Button
                type="reset"
                variant="default"
                onClick={() => {
                  setFields(EMPTY);
                  setFault(undefined);
                  search.reset();
                }}
              >
                {t('find.clear')}
              </Button>
            </Group>
          </Stack>
        </form>
      </search>
      <div aria-live="polite">
        {search.isError ? <Failure error={search.error} text={t('find.failed')} /> : null}
        {search.data === undefined ? null : <Found {...search.data} to={to} />}
      </div>
    </Stack>
  );
}

/** A shown code stands for itself; of another organisation it leads nowhere here. */
function describe(fields: Fields, own: string): Description | 'nothing' | 'code' | 'foreign' {
  const { code, ...rest } = fields;
  if (code.trim() !== '') {
    const shown = parsePatientCode(code, own);
    if (shown === undefined) return 'code';
    return shown.organisation === own ? { pid: shown.pid } : 'foreign';
  }
  const said = Object.entries(rest).filter(([, value]) => value.trim() !== '');
  return said.length === 0 ? 'nothing' : Object.fromEntries(said);
}

/** Where somebody who was found is opened, unless a page says otherwise. */
function chartOf(fhirId: string): string {
  return `/clinician/patient/${fhirId}`;
}

function Found({
  patients,
  more,
  to,
}: {
  readonly patients: readonly FoundPatient[];
  readonly more: boolean;
  readonly to: (fhirId: string) => string;
}) {
  const { t } = useTranslation(['clinician', 'urgent']);
  if (patients.length === 0) {
    return (
      <Empty text={t('find.nobody')}>
        <Text size="sm" mt="xs">
          {t('find.nobodyNext')}
        </Text>
        <Button component={Link} to="/clinician/emergency" variant="outline" color="red" size="xs" mt="sm">
          {t('urgent:emergency.title')}
        </Button>
      </Empty>
    );
  }
  return (
    <Stack gap="xs">
      <Text size="sm">{t('find.found', { count: patients.length })}</Text>
      {patients.map(({ card, grade }) => (
        <Card key={card.fhirId} withBorder padding="sm">
          <Group justify="space-between" align="flex-start">
            <Stack gap={2}>
              <Group gap="xs">
                <Text fw={600}>{card.name}</Text>
                {grade === 'exact' ? null : (
                  <Badge variant="outline" color={grade === 'alike' ? 'gray.8' : '#9a3400'}>
                    {t(`find.grades.${grade}`)}
                  </Badge>
                )}
              </Group>
              <PersonText card={card} />
            </Stack>
            <Button
              component={Link}
              to={to(card.fhirId)}
              variant="outline"
              aria-label={t('find.chooseWhom', { name: card.name })}
            >
              {t('find.choose')}
            </Button>
          </Group>
        </Card>
      ))}
      {more ? <Text size="sm">{t('find.more')}</Text> : null}
    </Stack>
  );
}
