import type { ReactNode } from 'react';
import classes from './steward.module.css';

/** Names and what they are, as a description list. */
export function Facts({ facts }: { readonly facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className={classes.facts}>
      {facts.map(([name, value]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** An id, hash or key: read from left to right in every language. */
export function Code({ children }: { readonly children: string }) {
  return <code className={classes.code}>{children}</code>;
}

export function JsonText({ value, label }: { readonly value: unknown; readonly label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
    <section className={classes.json} tabIndex={0} aria-label={label}>
      {JSON.stringify(value, null, 2)}
    </section>
  );
}
