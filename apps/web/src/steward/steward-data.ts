import { type Committed, type SignedHeader, submitCall } from '@salus/client';
import type { Json } from '@salus/contracts';
import { staffCall } from '@salus/wallet';
import { useQuery } from '@tanstack/react-query';
import { type StaffSession, useStaff } from '../session/index.ts';

export const ADMINISTRATOR = 'administrator';

/** One answer of this person's own node. */
export function ask<T>(
  { session }: StaffSession,
  path: string,
  query: { readonly [name: string]: string | number | undefined } = {},
): Promise<T> {
  return session.api.send<T>({ method: 'GET', path, query, token: session.token });
}

export function ownPath(staff: StaffSession, path: string): string {
  return `/api/v1/orgs/${staff.organisation}/${path}`;
}

export function tell<T>(staff: StaffSession, method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const { api, token } = staff.session;
  return api.send<T>({ method, path: ownPath(staff, path), token, ...(body === undefined ? {} : { body }) });
}

/** An administrator's act: signed here, by the person's own key, and committed when this resolves. */
export async function act(
  staff: StaffSession,
  transaction: string,
  args: { readonly [name: string]: Json },
): Promise<Committed> {
  const { session, wallet, occasion } = staff.atWork();
  const call = await staffCall(wallet, occasion, { contract: 'membership', transaction, args });
  return submitCall(session.api, session.organisation, call);
}

export interface Person {
  readonly account: string;
  readonly id: string;
  readonly createdMs: number;
  readonly disabledMs: number | null;
  readonly roles: readonly string[];
  readonly status: 'active' | 'revoked' | null;
  readonly notAfterMs: number | null;
}

export function usePeople() {
  const staff = useStaff();
  return useQuery({
    queryKey: ['steward', 'people', staff.organisation],
    enabled: staff.roles.includes(ADMINISTRATOR),
    queryFn: async () => (await ask<{ staff: readonly Person[] }>(staff, ownPath(staff, 'staff'))).staff,
  });
}

export interface Invitation {
  readonly ref: string;
  readonly account: string;
  readonly roles: readonly string[];
  readonly state: 'open' | 'claimed' | 'certified' | 'enrolled';
  readonly expiresMs: number;
  readonly publicKey: string | null;
}

export interface IssuedCertificate {
  readonly certificate: string;
  readonly fingerprint: string;
  readonly person: string;
  readonly name: string;
  readonly licence: string;
  readonly issuedMs: number;
  readonly notAfterMs: number;
  readonly status: 'valid' | 'revoked' | null;
}

export function useCertificates() {
  const staff = useStaff();
  return useQuery({
    queryKey: ['steward', 'certificates', staff.organisation],
    queryFn: async () => {
      const answer = await ask<{ certificates: readonly IssuedCertificate[] }>(staff, ownPath(staff, 'authenticity'));
      return answer.certificates;
    },
  });
}

/** A block as the explorer reads it; the header is whatever the engine writes. */
export interface ShownBlock extends SignedHeader {
  readonly transactions: readonly ShownCall[];
}

export interface ShownCall {
  readonly callId: string;
  readonly block: number;
  readonly index: number;
  readonly timestampMs: number;
  readonly call: {
    readonly payload: {
      readonly contract: string;
      readonly transaction: string;
      readonly signer: string;
      readonly args: Json;
      readonly onBehalfOf?: { readonly payload?: { readonly user?: string } };
    };
  };
  readonly outcome:
    | { readonly kind: 'committed'; readonly writes: readonly (readonly [key: string, value: Json])[] }
    | { readonly kind: 'distrusted'; readonly keys: readonly string[] }
    | { readonly kind: 'refused'; readonly code: string };
}

export interface Entry {
  readonly key: string;
  readonly value: Json;
}

/** What the ledger holds below a prefix, at most `limit` entries. */
export async function readEntries(staff: StaffSession, prefix: string, limit: number): Promise<readonly Entry[]> {
  const { entries } = await ask<{ entries: readonly Entry[] }>(staff, '/api/v1/ledger/entries', { prefix, limit });
  return entries;
}

export async function readFact<T>(staff: StaffSession, key: string): Promise<T | null> {
  return (await ask<{ value: T | null }>(staff, '/api/v1/ledger/state', { key })).value;
}
