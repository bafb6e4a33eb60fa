import { Button, Card, CopyButton, Group, Stack, Text, Textarea, Title } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { QrCode } from '../../ui/qr-code.tsx';
import type { MadeLink } from './link-form.tsx';

/** The link and its passcode, shown once: nothing keeps them. */
export function ReadyLink({ made, onDone }: { readonly made: MadeLink; readonly onDone: () => void }) {
  const { t } = useTranslation('record');
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <Card withBorder padding="md">
      <Stack gap="sm">
        <Title order={2} size="h3" ref={heading} tabIndex={-1} className="page">
          {t('links.ready')}
        </Title>
        <Text>{t('links.readyText')}</Text>
        <QrCode text={made.link} label={t('links.qr')} level="L" sizePx={320} />
        <Textarea label={t('links.address')} value={made.link} readOnly autosize minRows={3} maxRows={8} />
        <Text>
          {t('links.passcode')}: <strong dir="ltr">{made.passcode}</strong>
        </Text>
        <Group>
          <CopyButton value={made.link}>
            {({ copied, copy }) => <Button onClick={copy}>{t(copied ? 'links.copied' : 'links.copy')}</Button>}
          </CopyButton>
          <Button variant="default" onClick={onDone}>
            {t('links.done')}
          </Button>
        </Group>
      </Stack>
    </Card>
  );
}
