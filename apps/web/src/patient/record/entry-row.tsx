import { Badge } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { isEnteredInError } from '../../fhir/status.ts';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';
import { useTerms } from '../../ui/terms.ts';
import { isSensitive, type RecordEntry } from './record-entry.ts';

/** One entry in a list: what, what was found, when and where. */
export function EntryRow({ entry }: { readonly entry: RecordEntry }) {
  const { t } = useTranslation('record');
  const words = useFhirWords();
  const { place, label, moment } = useTerms();
  const { resource, organisation, labelClass, lastUpdatedMs } = entry;
  const when = words.when(resource);
  const isMistake = isEnteredInError(resource);
  return (
    <div className="entry-row">
      <p className={isMistake ? 'entry-mistake' : undefined}>
        <Link to={`/patient/record/entry/${entry.recordId}`}>
          <bdi>{words.title(resource)}</bdi>
        </Link>
      </p>
      <p className="entry-value">
        <bdi>{words.value(resource)}</bdi>
      </p>
      <p className="entry-about">
        {[words.kind(resource), when === '' ? moment(lastUpdatedMs) : when, place(organisation)].join(' · ')}
        {isSensitive(entry) ? (
          <>
            {' '}
            <Badge size="sm" variant="outline" color="dark">
              {`${t('timeline.sensitive')}: ${label(labelClass)}`}
            </Badge>
          </>
        ) : null}
        {isMistake ? ` · ${words.status('entered-in-error')}` : null}
      </p>
    </div>
  );
}

/** Entries below each other; for lists that are short. */
export function EntryList({ entries }: { readonly entries: readonly RecordEntry[] }) {
  return (
    <ul className="entry-list">
      {entries.map((entry) => (
        <li key={`${entry.organisation}/${entry.recordId}`}>
          <EntryRow entry={entry} />
        </li>
      ))}
    </ul>
  );
}
