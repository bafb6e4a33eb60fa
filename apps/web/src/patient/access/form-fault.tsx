import { Text } from '@mantine/core';

/** What is wrong with a form, beside its button. The region is there before its words are: readers speak what changes in one. */
export function FormFault({ text, isGrave = true }: { readonly text: string | undefined; readonly isGrave?: boolean }) {
  return (
    <Text c={isGrave ? 'red.9' : undefined} role="status">
      {text}
    </Text>
  );
}
