import { Stack, Textarea } from '@mantine/core';
import { QrReader } from '../../ui/qr-reader.tsx';

/** Text that is also a QR code: read, pasted or typed. With `several` each code that is read is a line of its own. */
export function LineField({
  label,
  description,
  value,
  onChange,
  several = false,
}: {
  readonly label: string;
  readonly description: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly several?: boolean;
}) {
  return (
    <Stack gap="xs">
      <Textarea
        label={label}
        description={description}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
        autosize
        minRows={2}
        maxRows={8}
        spellCheck={false}
        autoComplete="off"
      />
      <QrReader onRead={(text) => onChange(several && value.trim() !== '' ? `${value.trim()}\n${text}` : text)} />
    </Stack>
  );
}
