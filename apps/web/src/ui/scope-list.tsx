import { List } from '@mantine/core';

/** SMART scopes as they are written, in every language from left to right. */
export function ScopeList({ scopes }: { readonly scopes: readonly string[] }) {
  return (
    <List size="sm">
      {scopes.map((scope) => (
        <List.Item key={scope} style={{ overflowWrap: 'anywhere' }}>
          <code dir="ltr">{scope}</code>
        </List.Item>
      ))}
    </List>
  );
}
