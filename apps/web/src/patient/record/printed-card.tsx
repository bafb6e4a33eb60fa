import { Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import type { EmergencyCard } from '@salus/wallet';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { QrCode } from '../../ui/qr-code.tsx';
import { useTerms } from '../../ui/terms.ts';

/** The card, shown and printed once: its key is kept nowhere. */
export function PrintedCard({ card, onDone }: { readonly card: EmergencyCard; readonly onDone: () => void }) {
  const { t } = useTranslation('record');
  const { place, date } = useTerms();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const text = JSON.stringify(card);
  return (
    <Stack gap="sm">
      <Title order={2} size="h3" ref={heading} tabIndex={-1} className="page no-print">
        {t('card.ready')}
      </Title>
      <Text className="no-print">{t('card.readyText')}</Text>
      <Card withBorder padding="md" maw="26rem" className="print-alone">
        <Title order={3} size="h4">
          {t('card.printed')}
        </Title>
        <Text size="sm">{t('card.printedText')}</Text>
        <QrCode text={text} label={t('card.qr')} level="L" sizePx={380} />
        <Text size="sm">{`${place(card.organisation)} · ${t('card.until', { date: date(card.terms.notAfterMs) })}`}</Text>
      </Card>
      <Group className="no-print">
        <Button onClick={() => window.print()}>{t('card.print')}</Button>
        <Button variant="default" onClick={onDone}>
          {t('card.done')}
        </Button>
      </Group>
      <details className="no-print">
        <summary>{t('card.asText')}</summary>
        <Text ff="monospace" size="xs" data-testid="card-text">
          {text}
        </Text>
      </details>
    </Stack>
  );
}
