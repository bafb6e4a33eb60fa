import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { saveFile } from '../../ui/save-file.ts';
import { useTerms } from '../../ui/terms.ts';
import { type Checking, proveLine, type ShownLine } from './log-lines.ts';

const PROOF_VERSION = 'salus:log-proof:v1';

/** Proves one line before the patient's eyes, from what is at hand: nothing is asked of the node. */
export function LineProof({
  shown,
  place,
  checking,
  onClose,
}: {
  readonly shown: ShownLine;
  readonly place: string;
  readonly checking: Checking;
  readonly onClose: () => void;
}) {
  const { t } = useTranslation('log');
  const terms = useTerms();
  const { line, page, state } = shown;
  const [proven] = useState(() => proveLine(line, page, checking));
  const number = line.pidSeq ?? line.seq;
  const found = proven?.state ?? (state === 'pending' ? 'pending' : 'wrong');
  const signers = terms.list([...new Set(proven?.signedBy ?? [])].map(terms.place));
  const textOf = (): string => {
    if (proven === undefined || found === 'pending' || found === 'wrong')
      return t(found === 'pending' ? 'proof.pendingText' : 'proof.wrongText', { line: number });
    const { block, blocks } = proven;
    return found === 'proven'
      ? t('proof.provenText', { line: number, block, count: blocks, signers })
      : t('proof.toldText', { line: number, block });
  };
  return (
    <Modal
      opened
      onClose={onClose}
      title={t('proof.title', { line: number })}
      closeButtonProps={{ 'aria-label': t('proof.close') }}
    >
      <Stack>
        <Alert color={found === 'wrong' ? 'red' : 'salus'} variant="outline" title={t(`proof.${found}`)} role="status">
          <Text>{textOf()}</Text>
          {found === 'proven' ? <Text size="sm">{t('proof.anchor', { signers })}</Text> : null}
          {found === 'proven' ? <Text size="sm">{t('proof.offline')}</Text> : null}
        </Alert>
        <Group justify="flex-end">
          <Button
            variant="default"
            onClick={() =>
              saveFile(
                `${place}-${number}.proof.json`,
                'application/json',
                JSON.stringify({ version: PROOF_VERSION, line, proof: page.proof }, null, 2),
              )
            }
          >
            {t('proof.save')}
          </Button>
          <Button onClick={onClose}>{t('proof.close')}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
