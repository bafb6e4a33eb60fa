import './on-paper.css';
import { Button, Group, NumberInput, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '../../session/use-act.ts';
import { Failure } from '../../ui/failure.tsx';
import { QrCode } from '../../ui/qr-code.tsx';
import type { RecoverySheet } from './recovery-sheet.ts';

const PEOPLE = { least: 2, most: 9, first: 3, needed: 2 } as const;

interface Made {
  readonly shares: readonly string[];
  readonly needed: number;
}

/** Splits the code of a sheet among trusted people; the shares are shown to be printed and are kept nowhere. */
export function TrusteeShares({ sheet }: { readonly sheet: RecoverySheet }) {
  const { t } = useTranslation('onboarding');
  const [people, setPeople] = useState<number>(PEOPLE.first);
  const [needed, setNeeded] = useState<number>(PEOPLE.needed);
  const [made, setMade] = useState<Made>();
  const { act, busy, error } = useAct();
  const make = async (): Promise<void> => {
    const { splitAmong } = await import('./trustees.ts');
    setMade({ shares: await splitAmong(sheet, { people, needed }), needed });
  };
  return (
    <Stack>
      <Text>{t('trustees.lead')}</Text>
      <Group align="flex-end">
        <NumberInput
          label={t('trustees.people')}
          value={people}
          min={PEOPLE.least}
          max={PEOPLE.most}
          onChange={(value) => setPeople(Number(value))}
          w={160}
        />
        <NumberInput
          label={t('trustees.needed')}
          value={needed}
          min={PEOPLE.least}
          max={PEOPLE.most}
          onChange={(value) => setNeeded(Number(value))}
          w={220}
        />
        <Button variant="default" loading={busy} onClick={() => act(make)}>
          {t('trustees.make')}
        </Button>
      </Group>
      {error === undefined ? null : <Failure error={error} text={t('trustees.failed')} />}
      {made === undefined ? null : (
        <>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {made.shares.map((share, index) => {
              const place = { number: index + 1, people: made.shares.length, needed: made.needed };
              return (
                <Paper key={share} withBorder p="md" className="on-paper">
                  <Title order={3} size="h5">
                    {t('trustees.share', place)}
                  </Title>
                  <Text size="sm">{t('trustees.shareText', place)}</Text>
                  <QrCode text={share} label={t('trustees.qr', place)} sizePx={220} />
                  <Text ff="monospace" size="sm" data-testid="share">
                    {share}
                  </Text>
                </Paper>
              );
            })}
          </SimpleGrid>
          <Group>
            <Button variant="default" onClick={() => window.print()}>
              {t('trustees.print')}
            </Button>
          </Group>
        </>
      )}
    </Stack>
  );
}
