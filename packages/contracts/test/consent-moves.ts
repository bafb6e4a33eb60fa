import type { Json } from '../src/json.ts';

/** Terms as they were said: the model knows their fields and nothing of their type. */
export type Said = { readonly [field: string]: Json };
export type Sealed = { readonly terms: Said; readonly salt: string };
export type Party = {
  readonly id: string;
  readonly organisation: string;
  readonly kind: string;
  readonly roles: readonly string[];
};
export type Signature =
  | { readonly as: 'device'; readonly pid: string; readonly device: string; readonly forged?: boolean }
  | { readonly as: 'slip'; readonly pid: string }
  | { readonly as: 'member'; readonly party: Party };

/** A reader's request and what the node says about it. */
export type Asked = {
  readonly id: string;
  readonly stated: string;
  readonly about: string;
  readonly network: string;
  readonly notAfterMs: number;
  readonly reader: Party;
  readonly certificate: 'good' | 'bad';
  readonly signed: boolean;
  readonly names: Said;
};

export type Deed =
  | {
      readonly do: 'grant';
      readonly grant: string;
      readonly kind: string;
      readonly commits: string;
      readonly cardKey: string | null;
      readonly shown: Sealed;
      readonly seals: readonly string[];
    }
  | {
      readonly do: 'narrow';
      readonly pid: string;
      readonly grant: string;
      readonly commits: string;
      readonly previous: Sealed;
      readonly next: Sealed;
      readonly asked: Asked | null;
      readonly above: readonly Sealed[];
    }
  | {
      readonly do: 'delegate';
      readonly pid: string;
      readonly parent: string;
      readonly grant: string;
      readonly commits: string;
      readonly child: Sealed;
      readonly shown: readonly Sealed[];
      readonly asked: Asked;
      readonly seals: readonly string[];
    }
  | {
      readonly do: 'use' | 'locate';
      readonly pid: string;
      readonly grant: string;
      readonly shown: readonly Sealed[];
      readonly asked: Asked;
    }
  | { readonly do: 'revoke'; readonly grant: string }
  | { readonly do: 'expire'; readonly pid: string; readonly grant: string; readonly shown: Sealed }
  | {
      readonly do: 'request';
      readonly pid: string;
      readonly request: string;
      readonly commits: string;
      readonly shown: Sealed;
    }
  | { readonly do: 'answer'; readonly request: string; readonly answer: string }
  | {
      readonly do: 'emergency';
      readonly pid: string;
      readonly untilMs: number;
      readonly asked: Asked;
      readonly card: string | null;
      readonly shown: Sealed | null;
      readonly cardSigned: boolean;
    }
  | {
      readonly do: 'review';
      readonly pid: string;
      readonly emergency: string;
      readonly outcome: string;
      readonly shown: { readonly id: string; readonly by: string };
    }
  | { readonly do: 'dismiss'; readonly id: string }
  | { readonly do: 'removeDevice'; readonly device: string };

export type Move = { readonly by: Signature; readonly network: string; readonly notAfterMs: number | null } & Deed;
export const textOf = (sealed: Sealed): string => JSON.stringify([sealed.salt, sealed.terms]);
export const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

export const wordOf = (value: Json | undefined): string => (typeof value === 'string' ? value : 'nobody');
