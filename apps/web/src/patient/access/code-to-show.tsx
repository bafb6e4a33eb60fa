import { Button, CopyButton, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { QrCode } from '../../ui/qr-code.tsx';

/** Beyond, the picture is too fine for a camera; the text does. */
const QR_CHARS_MAX = 1_500;

/** A code for another device: as a picture for its camera, and as text to copy. */
export function CodeToShow({ label, code }: { readonly label: string; readonly code: string }) {
  const { t } = useTranslation('guardians');
  return (
    <Stack gap={4} align="flex-start">
      <Text size="sm" fw={600}>
        {label}
      </Text>
      {code.length > QR_CHARS_MAX ? null : <QrCode text={code} label={label} level="L" />}
      <Text component="code" size="xs" dir="ltr" style={{ overflowWrap: 'anywhere' }}>
        {code}
      </Text>
      <CopyButton value={code}>
        {({ copied, copy }) => (
          <Button size="compact-sm" variant="default" onClick={copy}>
            {t(copied ? 'copied' : 'copy')}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}
