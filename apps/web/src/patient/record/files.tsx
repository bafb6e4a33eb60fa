import { Button, Group, Text } from '@mantine/core';
import { stringOf } from '@salus/fhir/parse';
import { useTranslation } from 'react-i18next';
import { saveFile } from '../../ui/save-file.ts';
import { type AttachedFile, bytesOf, fileNameOf } from './documents.ts';
import { lookupOf, type RecordEntry } from './record-entry.ts';

/** The files of an entry, each to be saved on this device. */
export function Files({
  entry,
  files,
  entries,
}: {
  readonly entry: RecordEntry;
  readonly files: readonly AttachedFile[];
  readonly entries: readonly RecordEntry[];
}) {
  const { t } = useTranslation('record');
  const found = files.flatMap((file) => withData(file, entry, entries));
  if (found.length === 0) return <Text size="sm">{t('documents.notHere')}</Text>;
  return (
    <Group gap="sm" mt="sm">
      {found.map(({ file, data, contentType }, at) => {
        const name = fileNameOf({ ...file, contentType }, t('documents.file'));
        return (
          <Button
            // biome-ignore lint/suspicious/noArrayIndexKey: a file has no name of its own, and the list of a version never changes.
            key={at}
            variant="default"
            onClick={() => saveFile(name, contentType, bytesOf(data))}
          >
            {t('documents.open', { name })}
          </Button>
        );
      })}
    </Group>
  );
}

interface Held {
  readonly file: AttachedFile;
  readonly data: string;
  readonly contentType: string;
}

/** A file that stands in the entry itself, or in a Binary of the same organisation. */
function withData(file: AttachedFile, { organisation }: RecordEntry, entries: readonly RecordEntry[]): readonly Held[] {
  const binary = lookupOf(entries).find(organisation, file.binary)?.resource;
  const data = file.data ?? stringOf(binary?.data);
  const contentType = file.contentType ?? stringOf(binary?.contentType) ?? 'application/octet-stream';
  return data === undefined ? [] : [{ file, data, contentType }];
}
