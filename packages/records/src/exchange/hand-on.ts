import { CryptoError, type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import { RecordsError } from '../records-error.ts';
import type { ExchangePeer, HandOnBody, HandOnResult } from './exchange-peer.ts';
import type { GrantTokens } from './grant-tokens.ts';
import { parseHandOnResult } from './peer-answers.ts';
import { type PeerSender, signPeerRequest } from './peer-request.ts';

/** What passes: its queue is full, or its ledger cannot be relied on now. */
const PASSING: ReadonlySet<string> = new Set([
  'overloaded',
  'ledger-unavailable',
  'unavailable',
  'distrusted',
  'stopped',
]);

export interface HandOnParts extends PeerSender {
  findPeer(organisation: string): ExchangePeer | undefined;
}

/**
 * Hands the token of a grant on to the grantee's organisation, for a patient whose page reaches only this node. It is sealed to
 * that organisation: nothing of it can be read or changed here, and withholding it shows, since no answer comes.
 *
 * @returns the grant's id
 * @throws RecordsError `not-found` for an organisation that is not connected, `peer-unreachable` when its node cannot take it now,
 * `peer-untrusted`, and `proof-invalid` (`detail`: that node's code) when it does not take it at all
 */
export async function handOn(parts: HandOnParts, to: string, sealed: SealedEnvelope): Promise<string> {
  const peer = parts.findPeer(to);
  if (peer === undefined) throw new RecordsError('not-found', 'no such organisation is connected');
  const request = await signPeerRequest(parts, to, 'handOn', { sealed });
  const answer = parseHandOnResult(await peer.handOn(request));
  if (answer.kind === 'ok') return answer.result.grant;
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
