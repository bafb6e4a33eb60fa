import './on-paper.css';
import { Button, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { QrCode } from '../../ui/qr-code.tsx';
import { formatSheet, type RecoverySheet } from './recovery-sheet.ts';
import { TrusteeShares } from './trustee-shares.tsx';

const CHECKED = 4;

/** The sheet, shown once; whoever goes on has it on paper, or has split it. */
export function RecoverySheetView({ sheet, onKept }: { readonly sheet: RecoverySheet; readonly onKept: () => void }) {
  const { t } = useTranslation('onboarding');
  const [typed, setTyped] = useState('');
  const [isWrong, setWrong] = useState(false);
  const line = formatSheet(sheet);
  return (
    <Stack maw={720}>
      <Paper withBorder p="lg" className="on-paper">
        <Stack>
          <div>
            <Text fw={600}>{t('sheet.code')}</Text>
            <Text ff="monospace" size="lg" data-testid="recovery-code">
              {sheet.recoveryCode}
            </Text>
          </div>
          <QrCode text={line} label={t('sheet.qr')} />
          <div>
            <Text size="sm">{t('sheet.line')}</Text>
            <Text ff="monospace" size="sm">
              {line}
            </Text>
          </div>
        </Stack>
      </Paper>
      <Group>
        <Button variant="default" onClick={() => window.print()}>
          {t('sheet.print')}
        </Button>
      </Group>
      <section aria-labelledby="trustees">
        <Title order={2} size="h4" id="trustees">
          {t('trustees.title')}
        </Title>
        <TrusteeShares sheet={sheet} />
      </section>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const right = typed.trim().toUpperCase() === sheet.recoveryCode.slice(-CHECKED);
          setWrong(!right);
          if (right) onKept();
        }}
      >
        <Stack align="flex-start">
          <TextInput
            label={t('sheet.check')}
            description={t('sheet.checkText')}
            value={typed}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
            autoComplete="off"
            maxLength={CHECKED}
            required
            {...(isWrong ? { error: t('sheet.wrong') } : {})}
          />
          <Button type="submit">{t('sheet.done')}</Button>
        </Stack>
      </form>
    </Stack>
  );
}
