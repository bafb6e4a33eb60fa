import { Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';

/** There is nothing here, and why; `children` say what one can do. */
export function Empty({ text, children }: { readonly text: string; readonly children?: ReactNode }) {
  return (
    <Paper withBorder p="lg">
      <Text>{text}</Text>
      {children}
    </Paper>
  );
}
