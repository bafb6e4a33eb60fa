import { Stack, Title } from '@mantine/core';
import { type ReactNode, useId } from 'react';

/** A part of the record under a heading of its own, which names it for screen readers. */
export function Part({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Title order={2} size="h3" id={id} mb="sm">
        {title}
      </Title>
      {children}
    </section>
  );
}

/** Cards one below the other; a group without any is left out. */
export function CardGroups({
  groups,
}: {
  readonly groups: readonly { readonly title: string; readonly cards: readonly ReactNode[] }[];
}) {
  return (
    <Stack gap="lg">
      {groups
        .filter(({ cards }) => cards.length > 0)
        .map(({ title, cards }) => (
          <Part key={title} title={title}>
            <Stack gap="sm">{cards}</Stack>
          </Part>
        ))}
    </Stack>
  );
}
