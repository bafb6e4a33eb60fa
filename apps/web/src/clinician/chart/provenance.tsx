import { Button, Collapse, Group, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { RecordProof } from '@salus/client';
import { isTree, parseFhirJson, stringOf } from '@salus/fhir/parse';
import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { type StaffSession, useStaff } from '../../session/index.ts';
import { DateText } from '../../ui/date-text.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { useTerms } from '../../ui/terms.ts';
import type { ChartEntry } from './chart-entry.ts';
import { type AnchoredEntry, checkAnchored, versionOf } from './shown-proof.ts';

/** Whose an entry is, from where, and the proof: asked for when somebody wants to know. */
export function Provenance({ entry, title }: { readonly entry: ChartEntry; readonly title: string }) {
  const { t } = useTranslation('clinician');
  const [opened, { toggle }] = useDisclosure(false);
  const id = useId();
  return (
    <>
      <Group>
        <Button
          size="compact-xs"
          variant="subtle"
          onClick={toggle}
          aria-expanded={opened}
          aria-controls={id}
          aria-label={t('proof.whereWhat', { title })}
        >
          {t('proof.where')}
        </Button>
      </Group>
      <Collapse in={opened} id={id}>
        {opened ? entry.isOwn ? <OwnProof entry={entry} /> : <ForeignOrigin entry={entry} /> : null}
      </Collapse>
    </>
  );
}

/** Of the own organisation: the proof of what is shown is checked here, up to the point of the ledger that this browser keeps. */
function OwnProof({ entry }: { readonly entry: ChartEntry }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const staff = useStaff();
  const proof = useQuery({
    queryKey: ['record', 'proof', staff.id, entry.key, versionOf(entry)],
    queryFn: () => readProof(staff, entry),
  });
  if (proof.isPending) return <Loading what={t('proof.checking')} />;
  if (proof.isError)
    return <Failure error={proof.error} text={t('proof.failed')} onRetry={() => void proof.refetch()} />;
  const { block, committedMs, writer, isFollowed, anchor, sinceMs } = proof.data;
  return (
    <Stack gap={2} role="status">
      <Text size="sm" fw={600}>
        {t(anchor === 'held' ? 'proof.anchored' : 'proof.told', { block })}
      </Text>
      <Text size="sm">
        {t('proof.by', { writer, place: terms.place(entry.organisation) })} <DateText value={committedMs} withTime />
      </Text>
      <Text size="sm">{t(`proof.${anchor}`, { since: sinceMs === null ? '' : terms.moment(sinceMs) })}</Text>
      {isFollowed || anchor === 'held' ? null : <Text size="sm">{t('proof.unconnected')}</Text>}
    </Stack>
  );
}

function ForeignOrigin({ entry }: { readonly entry: ChartEntry }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const source = stringOf(metaOf(entry)?.source);
  return (
    <Stack gap={2} role="status">
      <Text size="sm">{t('proof.foreign', { place: terms.place(entry.organisation) })}</Text>
      {source === undefined ? null : (
        <Text size="sm" ff="monospace" className="break-anywhere">
          {source}
        </Text>
      )}
    </Stack>
  );
}

function metaOf({ resource }: ChartEntry) {
  return isTree(resource.meta) ? resource.meta : undefined;
}

/** Of the very version that is shown. */
async function readProof(staff: StaffSession, entry: ChartEntry): Promise<AnchoredEntry> {
  const { session } = staff;
  const { api, organisation, token } = session;
  const path = `/${organisation}/fhir/R4/${versionOf(entry)}/$proof`;
  const proof = parseProof(await api.sendText({ method: 'GET', path, token }));
  // Only then: the newest checkpoint is not older than the proof.
  return checkAnchored(session, entry, { proof, ledger: await staff.follow() });
}

/** The proof's own numbers are counts and times: plain JSON. */
function parseProof(text: string): RecordProof {
  const parsed: unknown = JSON.parse(text);
  if (!isTree(parseFhirJson(text))) throw new Error('the proof is no object');
  return parsed as RecordProof;
}
