import { Card, Stack, Title } from '@mantine/core';
import { type ReactNode, useId } from 'react';

/** What can be done now, under a heading of its own. */
export function Panel({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const id = useId();
  return (
    <Card withBorder component="section" aria-labelledby={id}>
      <Stack maw={640}>
        <Title order={2} size="h3" id={id}>
          {title}
        </Title>
        {children}
      </Stack>
    </Card>
  );
}
