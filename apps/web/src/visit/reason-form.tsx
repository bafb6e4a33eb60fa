import { Button, Group, Textarea } from '@mantine/core';
import { useState } from 'react';

const REASON_MAX = 1_000;

/** Sends something back, with the reason that its sender reads. */
export function ReasonForm({
  label,
  button,
  missing,
  busy,
  onSend,
}: {
  readonly label: string;
  readonly button: string;
  readonly missing: string;
  readonly busy: boolean;
  readonly onSend: (reason: string) => void;
}) {
  const [reason, setReason] = useState('');
  const [empty, setEmpty] = useState(false);
  const send = (): void => {
    const isEmpty = reason.trim() === '';
    setEmpty(isEmpty);
    if (!isEmpty) onSend(reason.trim());
  };
  return (
    <details>
      <summary>{button}</summary>
      <Textarea
        label={label}
        maxLength={REASON_MAX}
        rows={2}
        my="xs"
        value={reason}
        error={empty ? missing : undefined}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      <Group>
        <Button variant="outline" color="red" onClick={send} loading={busy}>
          {button}
        </Button>
      </Group>
    </details>
  );
}
