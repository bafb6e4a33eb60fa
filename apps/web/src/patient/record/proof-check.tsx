import { Alert, Button, Stack, Text } from '@mantine/core';
import { checkOwnRecord, openOwnKeys, type ProvenRecord, readOwnRecord } from '@salus/client';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type PatientSession, usePatient } from '../../session/index.ts';
import { Failure } from '../../ui/failure.tsx';
import { useTerms } from '../../ui/terms.ts';
import type { RecordEntry } from './record-entry.ts';

/** Proves on this device that the ledger holds the entry as it is shown. */
export function ProofCheck({ entry }: { readonly entry: RecordEntry }) {
  const { t, i18n } = useTranslation('record');
  const { moment } = useTerms();
  const patient = usePatient();
  const [busy, setBusy] = useState(false);
  const [proven, setProven] = useState<ProvenRecord>();
  const [error, setError] = useState<unknown>();
  const check = (): void => {
    setBusy(true);
    setError(undefined);
    prove(patient, entry)
      .then(setProven, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Stack gap="sm" align="flex-start" aria-live="polite">
      <Text>{t('entry.proofText')}</Text>
      <Button variant="default" onClick={check} loading={busy}>
        {t('entry.check')}
      </Button>
      {error === undefined ? null : <Failure error={error} />}
      {proven === undefined ? null : (
        <Alert color={proven.isAnchored ? 'green' : 'gray'} variant="outline">
          {t(proven.isAnchored ? 'entry.proven' : 'entry.told', {
            block: new Intl.NumberFormat(i18n.language).format(proven.block),
            date: moment(proven.committedMs),
          })}
        </Alert>
      )}
    </Stack>
  );
}

/** Asks the node again and compares: what was opened a while ago must be what the ledger holds. */
async function prove(patient: PatientSession, { organisation, recordId, text }: RecordEntry): Promise<ProvenRecord> {
  const { pid } = patient.pids.find((entry) => entry.organisation === organisation)!;
  const session = await patient.at(pid);
  const keys = await openOwnKeys(session, patient.wallet, pid);
  const record = await readOwnRecord(session, keys, recordId);
  if (record.text !== text) throw new Error('the node gives another text than before');
  return checkOwnRecord(session, record.sealed, patient.wallet.content);
}
