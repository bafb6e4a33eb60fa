import { Alert, Button, Card, Progress, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { Page } from '../../ui/page.tsx';
import { saveFile } from '../../ui/save-file.ts';
import { useTerms } from '../../ui/terms.ts';
import type { RecordEntry } from './record-entry.ts';
import { RecordState } from './record-state.tsx';
import { EVERYTHING, organisationsOf, selected } from './selection.ts';
import { SelectionFields } from './selection-fields.tsx';
import { subjectOf } from './summary-sections.ts';
import { summaryText, takeBundle } from './take-files.ts';
import { useSummaryPdf } from './use-summary-pdf.ts';

const FHIR_TYPE = 'application/fhir+json';

export function Component() {
  const { t } = useTranslation('record');
  return (
    <Page title={t('views.take')} lead={t('take.lead')}>
      <Alert color="orange" variant="outline">
        {t('take.warning')}
      </Alert>
      <RecordState isWhole>{(entries) => <TakeAway entries={entries} />}</RecordState>
    </Page>
  );
}

function TakeAway({ entries }: { readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const { place } = useTerms();
  const { nowMs } = useSession();
  const patient = usePatient();
  const pdf = useSummaryPdf();
  const [selection, setSelection] = useState(EVERYTHING);
  const chosen = selected(entries, selection);
  const hasSubject = subjectOf(chosen) !== undefined;
  const summary = (): string => {
    const organisations = new Map(organisationsOf(chosen).map((slug) => [slug, place(slug)]));
    const text = summaryText(chosen, { nowMs: nowMs(), organisations });
    if (text === undefined) throw new Error('there is no summary of nobody');
    return text;
  };
  return (
    <Stack gap="md">
      <SelectionFields entries={entries} selection={selection} onChange={setSelection} />
      <Way
        title={t('take.summary')}
        text={t('take.summaryText')}
        problem={hasSubject ? undefined : t('take.noPatient')}
      >
        <SaveButton
          label={t('take.saveSummary')}
          isDisabled={!hasSubject}
          make={async () => save('patient-summary.json', FHIR_TYPE, summary())}
        />
      </Way>
      <Way title={t('take.pdf')} text={t('take.pdfText')} problem={hasSubject ? undefined : t('take.noPatient')}>
        <SaveButton
          label={t('take.savePdf')}
          isDisabled={!hasSubject}
          make={async () =>
            save('patient-summary.pdf', 'application/pdf', await pdf(chosen, { fhirJson: summary(), nowMs: nowMs() }))
          }
        />
      </Way>
      <Way title={t('take.bundle')} text={t('take.bundleText')}>
        <SaveButton
          label={t('take.saveBundle')}
          isDisabled={chosen.length === 0}
          total={chosen.length}
          make={async (onDone) => {
            const { text, unproven } = await takeBundle(patient, chosen, onDone);
            const saved = save('my-record.json', FHIR_TYPE, text);
            return unproven === 0 ? saved : { ...saved, note: t('take.noProofs', { count: unproven }) };
          }}
        />
      </Way>
    </Stack>
  );
}

interface Saved {
  readonly name: string;
  readonly note?: string;
}

function save(name: string, type: string, content: string | Uint8Array<ArrayBuffer>): Saved {
  saveFile(name, type, content);
  return { name };
}

function Way({
  title,
  text,
  problem,
  children,
}: {
  readonly title: string;
  readonly text: string;
  readonly problem?: string | undefined;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <Card withBorder padding="md" component="section" aria-labelledby={id}>
      <Title order={2} size="h4" id={id}>
        {title}
      </Title>
      <Text mb="sm">{text}</Text>
      {problem === undefined ? null : <Text fw={600}>{problem}</Text>}
      {children}
    </Card>
  );
}

/** Makes a file and saves it; says how far it is, and what it was called. */
function SaveButton({
  label,
  isDisabled,
  total,
  make,
}: {
  readonly label: string;
  readonly isDisabled: boolean;
  readonly total?: number;
  readonly make: (onDone: (done: number) => void) => Promise<Saved>;
}) {
  const { t } = useTranslation('record');
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(0);
  const [saved, setSaved] = useState<Saved>();
  const [error, setError] = useState<unknown>();
  const start = (): void => {
    setBusy(true);
    setDone(0);
    setSaved(undefined);
    setError(undefined);
    make(setDone)
      .then(setSaved, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Stack gap="sm" align="flex-start" aria-live="polite">
      <Button onClick={start} loading={busy} disabled={isDisabled}>
        {label}
      </Button>
      {busy && total !== undefined ? (
        <Stack gap="xs" w="100%">
          <Text size="sm">{t('take.proving', { done, total })}</Text>
          <Progress.Root>
            <Progress.Section value={(100 * done) / total} aria-label={t('take.making')} />
          </Progress.Root>
        </Stack>
      ) : null}
      {saved === undefined ? null : <Text>{[t('take.made', { name: saved.name }), saved.note ?? ''].join(' ')}</Text>}
      {error === undefined ? null : <Failure error={error} />}
    </Stack>
  );
}
