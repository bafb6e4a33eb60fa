import { CryptoError, type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import type { KnownGrants } from '../known-grants.ts';
import { RecordsError } from '../records-error.ts';
import type { ExchangePeer, HandOnBody, HandOnResult } from './exchange-peer.ts';
import type { GrantTokens } from './grant-tokens.ts';
import { parseHandOnResult } from './peer-answers.ts';
import { type PeerSender, signPeerRequest } from './peer-request.ts';

/** What passes: its queue is full, or its ledger or database cannot be relied on now. */
const PASSING: ReadonlySet<string> = new Set([
  'overloaded',
  'ledger-unavailable',
  'unavailable',
  'distrusted',
  'contracts-unknown',
  'store-unavailable',
  'stopped',
  'closed',
]);

export interface HandOnParts extends PeerSender {
  readonly grants: Pick<KnownGrants, 'find'>;
  findPeer(organisation: string): ExchangePeer | undefined;
}

/** The token of a grant that `pid` made here. */
export interface HandedOn {
  readonly pid: string;
  readonly grant: string;
  readonly sealed: SealedEnvelope;
}

/**
 * Hands the token of a grant on to its grantee's organisation, for a patient whose page reaches only this node. The terms that are
 * known here say where it goes: nobody sends anything to whom they granted nothing. It is sealed to that organisation, so that
 * nothing of it can be read or changed here; that a node says it was taken, and withheld it, shows when the grantee reads nothing.
 *
 * @throws RecordsError `not-found` where the patient made no such grant here or the organisation is not connected,
 * `peer-unreachable` when its node cannot take it now, `peer-untrusted`, and `proof-invalid` (`detail`: that node's code) when it
 * does not take it at all
 */
export async function handOn(parts: HandOnParts, { pid, grant, sealed }: HandedOn): Promise<void> {
  const known = await parts.grants.find(pid, grant);
  const grantee = known?.terms.grantee;
  if (grantee === undefined || grantee.kind === 'card') {
    throw new RecordsError('not-found', 'the patient made no such grant here');
  }
  const peer = parts.findPeer(grantee.organisation);
  if (peer === undefined) throw new RecordsError('not-found', 'no such organisation is connected');
  const request = await signPeerRequest(parts, grantee.organisation, 'handOn', { sealed });
  const answer = parseHandOnResult(await peer.handOn(request));
  if (answer.kind === 'ok') {
    if (answer.result.grant === grant) return;
    throw new RecordsError('proof-invalid', 'the other node took the token of another grant');
  }
  const { code: detail } = answer;
  if (PASSING.has(detail)) throw new RecordsError('peer-unreachable', 'the other node takes no token now', { detail });
  throw new RecordsError('proof-invalid', `the other node did not take the token: ${detail}`, { detail });
}

/** The grantee's side. Refuses as `GrantTokens.receive`, and with `bad-input` what is no sealed envelope. */
export async function takeHandedOn(tokens: GrantTokens, { sealed }: HandOnBody): Promise<HandOnResult> {
  const { terms } = await tokens.receive(parseEnvelope(sealed as unknown as Json), null);
  return { grant: terms.grant };
}

function parseEnvelope(value: Json): SealedEnvelope {
  try {
    return parseSealedEnvelope(value);
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new RecordsError('bad-input', 'the token is no sealed envelope', { cause });
  }
}
