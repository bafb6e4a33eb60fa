import { Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { checkSignatures, readCheckpoint } from '@salus/client';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useStaff } from '../session/index.ts';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { saveFile } from '../ui/save-file.ts';
import { useTerms } from '../ui/terms.ts';
import { Code, Facts } from './facts.tsx';

/** The newest checkpoint, its signatures checked on this device, as a file to be kept elsewhere. */
export function CheckpointSection() {
  const { t, i18n } = useTranslation('steward');
  const { list, place } = useTerms();
  const { organisation, session } = useStaff();
  const { data, error, refetch } = useQuery({
    queryKey: ['steward', 'checkpoint', organisation],
    queryFn: async () => {
      const { checkpoint } = await readCheckpoint(session);
      return { checkpoint, signatures: await checkSignatures(session, checkpoint) };
    },
  });
  const checkpoint = data?.checkpoint;
  return (
    <Card withBorder component="section" aria-labelledby="checkpoint">
      <Stack gap="sm">
        <Title order={2} size="h3" id="checkpoint">
          {t('safety.checkpoint')}
        </Title>
        <Text>{t('safety.checkpointText')}</Text>
        {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
        {data === undefined && error === null ? <Loading /> : null}
        {data === undefined || checkpoint === undefined ? null : (
          <>
            <Facts
              facts={[
                [t('ledger.blockNumber'), new Intl.NumberFormat(i18n.language).format(checkpoint.number)],
                [t('hash'), <Code key="hash">{checkpoint.hash}</Code>],
                [
                  t('ledger.signer'),
                  `${list([...new Set(checkpoint.signatures.map((signature) => place(signature.organisation)))])}: ${t('safety.signatures', { count: data.signatures })}`,
                ],
              ]}
            />
            <Group>
              <Button
                variant="default"
                onClick={() =>
                  saveFile(
                    `checkpoint-${checkpoint.number}.json`,
                    'application/json',
                    `${JSON.stringify({ checkpoint }, null, 2)}\n`,
                  )
                }
              >
                {t('safety.save')}
              </Button>
            </Group>
          </>
        )}
      </Stack>
    </Card>
  );
}
