import { Alert, Button, Group, Stack, Text, Title } from '@mantine/core';
import { stringOf } from '@salus/fhir/parse';
import { type ReactNode, useId, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { factsOf } from '../../fhir/facts.ts';
import { referencesOf } from '../../fhir/reference.ts';
import { isEnteredInError } from '../../fhir/status.ts';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { saveFile } from '../../ui/save-file.ts';
import { useTerms } from '../../ui/terms.ts';
import { filesOf } from './documents.ts';
import { EntryList } from './entry-row.tsx';
import { Files } from './files.tsx';
import { ProofCheck } from './proof-check.tsx';
import { isSensitive, keyOf, lookupOf, type RecordEntry } from './record-entry.ts';
import { RecordState } from './record-state.tsx';

/** One entry; the address names it by a random id. */
export function Component() {
  const { t } = useTranslation('record');
  const { recordId } = useParams();
  return (
    <RecordState>
      {(entries) => {
        const entry = entries.find((one) => one.recordId === recordId);
        return entry === undefined ? (
          <Empty text={t('entry.missing')}>
            <Link to="/patient/record">{t('entry.missingNext')}</Link>
          </Empty>
        ) : (
          <Entry entry={entry} entries={entries} />
        );
      }}
    </RecordState>
  );
}

function Entry({ entry, entries }: { readonly entry: RecordEntry; readonly entries: readonly RecordEntry[] }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const navigate = useNavigate();
  const { resource } = entry;
  const files = filesOf(resource);
  const related = useMemo(() => relatedTo(entry, entries), [entry, entries]);
  return (
    <Page title={words.title(resource)} lead={words.kind(resource)}>
      <Group>
        <Button variant="default" size="xs" onClick={() => void navigate(-1)}>
          {t('entry.back')}
        </Button>
      </Group>
      {isEnteredInError(resource) ? <Alert color="orange" title={t('entry.mistake')} /> : null}
      <Section title={t('entry.facts')}>
        <dl className="facts">
          {factsOf(resource, words).map(({ label, text }) => (
            <Fact key={label} name={words.element(label)} text={text} />
          ))}
        </dl>
      </Section>
      {files.length === 0 ? null : (
        <Section title={t('entry.files')}>
          <Files entry={entry} files={files} entries={entries} />
        </Section>
      )}
      {related.length === 0 ? null : (
        <Section title={t('entry.related')}>
          <EntryList entries={related} />
        </Section>
      )}
      <About entry={entry} />
    </Page>
  );
}

function About({ entry }: { readonly entry: RecordEntry }) {
  const { t, i18n } = useTranslation('record');
  const { place, category, label, moment } = useTerms();
  const { organisation, labelClass, version, lastUpdatedMs, text, recordId, resource } = entry;
  const name = `${stringOf(resource.resourceType) ?? 'resource'}-${recordId}.json`;
  return (
    <>
      <Section title={t('entry.about')}>
        <dl className="facts">
          <Fact name={t('entry.place')} text={place(organisation)} />
          <Fact name={t('entry.category')} text={category(entry.category)} />
          {isSensitive(entry) ? <Fact name={t('entry.label')} text={label(labelClass)} /> : null}
          <Fact name={t('entry.written')} text={moment(lastUpdatedMs)} />
          <Fact name={t('entry.version')} text={new Intl.NumberFormat(i18n.language).format(version)} />
        </dl>
      </Section>
      <Section title={t('entry.proof')}>
        <ProofCheck key={`${keyOf(entry)} ${version}`} entry={entry} />
      </Section>
      <Group>
        <Button variant="default" onClick={() => saveFile(name, 'application/fhir+json', text)}>
          {t('entry.save')}
        </Button>
        <Button variant="default" component={Link} to={`/patient/access/disputes?record=${recordId}`}>
          {t('entry.dispute')}
        </Button>
      </Group>
    </>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const id = useId();
  return (
    <Stack component="section" aria-labelledby={id} gap="xs">
      <Title order={2} size="h4" id={id}>
        {title}
      </Title>
      {children}
    </Stack>
  );
}

function Fact({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Text>
          <bdi>{text}</bdi>
        </Text>
      </dd>
    </>
  );
}

/** What the entry names, and what names it: its visit, the values of a report, the reports on a value. */
function relatedTo(entry: RecordEntry, entries: readonly RecordEntry[]): readonly RecordEntry[] {
  const lookup = lookupOf(entries);
  const named = namedBy(entry).flatMap((reference) => lookup.find(entry.organisation, reference) ?? []);
  const naming = entries.filter(
    (other) =>
      other.organisation === entry.organisation &&
      other !== entry &&
      namedBy(other).some((reference) => lookup.find(entry.organisation, reference) === entry),
  );
  return [...new Set([...named, ...naming])];
}

function namedBy({ resource }: RecordEntry): readonly string[] {
  const { encounter, result, reasonReference, basedOn, hasMember, derivedFrom, authorizingPrescription, partOf } =
    resource;
  return [encounter, result, reasonReference, basedOn, hasMember, derivedFrom, authorizingPrescription, partOf].flatMap(
    referencesOf,
  );
}
