import { Button, Group, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { Failure } from '../ui/failure.tsx';
import { type Doing, useAct } from './use-act.ts';

/** A form with one deed: above its button stands what went wrong with the last try. */
export function ActForm({
  deed,
  button,
  failed,
  disabled = false,
  maw = 640,
  beside,
  children,
}: {
  readonly deed: () => Promise<unknown>;
  readonly button: string;
  /** Said of a failure that has no words of its own. */
  readonly failed: string;
  readonly disabled?: boolean;
  /** Pixels. */
  readonly maw?: number;
  /** Another way to the same end, which waits while the deed is under way. */
  readonly beside?: (doing: Doing) => ReactNode;
  readonly children: ReactNode;
}) {
  const doing = useAct();
  const { act, busy, error } = doing;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        act(deed);
      }}
    >
      <Stack maw={maw}>
        {children}
        {error === undefined ? null : <Failure error={error} text={failed} />}
        <Group>
          <Button type="submit" loading={busy} disabled={disabled}>
            {button}
          </Button>
          {beside?.(doing)}
        </Group>
      </Stack>
    </form>
  );
}
