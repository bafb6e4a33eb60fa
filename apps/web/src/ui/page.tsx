import { Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';

/** A page: its one `h1`, which takes the focus when the page opens, and the title of the tab. */
export function Page({
  title,
  lead,
  children,
}: {
  readonly title: string;
  readonly lead?: string;
  readonly children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Salus`;
  }, [title]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <Stack maw={1100} gap="md">
      <Title order={1} size="h2" ref={heading} tabIndex={-1} className="page">
        {title}
      </Title>
      {lead === undefined ? null : <Text>{lead}</Text>}
      {children}
    </Stack>
  );
}
