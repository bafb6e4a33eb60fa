import { CONTRACT_CODES } from '@salus/contracts';

/** What a person's side of a node finds wrong by itself; public, listed in docs/CLI.md. Other codes are the node's and the contracts'. */
export const CLIENT_CODES = {
  'answer-cut': 'The node’s answer broke off: look whether it was done.',
  'answer-too-large': 'The node’s answer is larger than a client takes.',
  'bad-node': 'The address of the node is no URL, or plain HTTP to another machine.',
  'bad-offer':
    'What a new device shows, or what the old one answers, is malformed, of another network or pid, or not signed by the old one.',
  'key-missing': 'The node sealed no key for a record to this device.',
  'node-unreachable': 'The node does not answer.',
  'not-a-node': 'What answers is no Salus node.',
  'organisation-unknown': 'No active member of the network has this name.',
  'proof-invalid': 'A block, call, checkpoint, record or audit line is not what its proof must show.',
  'recipient-unlisted': 'The grantee’s organisation lists no live key.',
  'too-many-records': 'There are more records than a client lists.',
  'wrong-recovery-code': 'The recovery code is not the one of that pid.',
} as const satisfies { readonly [code: string]: string };

export type ClientErrorCode = keyof typeof CLIENT_CODES;

/** A code that the node or a contract gave, with the status of its answer: passed on as it came. */
export interface RelayedCode {
  readonly relayed: string;
  readonly status: number;
}

/** What a client tells instead of doing what was asked; `status` is null where no node refused. */
export class ClientError extends Error {
  readonly code: string;
  readonly status: number | null;

  constructor(code: ClientErrorCode | RelayedCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ClientError';
    this.code = typeof code === 'string' ? code : code.relayed;
    this.status = typeof code === 'string' ? null : code.status;
  }
}

/** Whether the node may have done what was asked although no answer came. */
export function isUnanswered(error: unknown): error is ClientError {
  return error instanceof ClientError && (error.code === 'node-unreachable' || error.code === 'answer-cut');
}

/** A node turns a call away with these before any ledger sees it, and would with none of them had it been taken before. */
const NOT_TAKEN = new Set(['bad-request', 'not-found', 'not-permitted']);
/** The ledger has ended: whether it took the call before says the channel that goes on with it. */
const MOVED = 'ledger-moved';

/**
 * Whether exactly the call that was sent is refused for good, so that it ended nothing: by a contract, or because it is not
 * this node's. A proxy's answer, a busy node, a refused log-in, and no answer at all say nothing of the call.
 */
export function isCallRefused(error: unknown): error is ClientError {
  if (!(error instanceof ClientError) || error.status === null || error.status >= 500) return false;
  return NOT_TAKEN.has(error.code) || (Object.hasOwn(CONTRACT_CODES, error.code) && error.code !== MOVED);
}
