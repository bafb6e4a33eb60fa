import type { ClientError } from '@salus/client';
import { CliError } from './cli-error.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

/** What a node refused, or what did not fit on the way, as a command tells it. */
export function fromClientError(error: ClientError): CliError {
  const { code, status, message } = error;
  const next = NEXT_STEPS[code];
  return new CliError({ relayed: code }, message, {
    exit: status === null ? (OWN_EXITS[code] ?? EXIT.refused) : exitOf(status, code),
    ...(next === undefined ? {} : { next }),
    cause: error.cause,
  });
}

const DENIED = new Set(['not-permitted', 'not-authenticated', 'wrong-credentials', 'delegation-missing', 'denied']);

function exitOf(status: number, code: string): ExitCode {
  if (status === 401 || DENIED.has(code)) return EXIT.denied;
  if (status === 503 || status === 429) return EXIT.unreachable;
  return status >= 500 ? EXIT.failed : EXIT.refused;
}

/** Of the client's own codes; what is not here is refused. */
const OWN_EXITS: Readonly<Record<string, ExitCode>> = {
  'answer-cut': EXIT.unreachable,
  'answer-too-large': EXIT.failed,
  'bad-node': EXIT.usage,
  'bad-offer': EXIT.usage,
  'node-unreachable': EXIT.unreachable,
  'not-a-node': EXIT.failed,
  'too-many-records': EXIT.usage,
  'wrong-recovery-code': EXIT.denied,
};

const NEXT_STEPS: Readonly<Record<string, string>> = {
  'answer-cut': 'Try again; look first whether it was done.',
  'bad-node':
    'Give it as --node http://127.0.0.1:8470, or its https address: passwords and records never travel in plain.',
  'node-unreachable': 'Is it running? Start it with `npm start`, or name another with --node URL.',
  'not-a-node': 'Check --node and SALUS_PUBLIC_URL.',
  'proof-invalid': 'Keep this output and show it to another member: what the node shows is not what the ledger holds.',
  'wrong-recovery-code': 'Check --pid and --org, and that nobody recovered the pid with another code.',
  'not-authenticated': 'The session is over: run the command again, it logs in by itself.',
  'wrong-credentials': 'Check the account and password; the demonstration’s stand in credentials.json.',
  'not-permitted': 'Use the wallet of a person whose role may do this: --as WALLET.',
  'too-many-requests': 'Wait a minute, then try again.',
  overloaded: 'The node is busy and did nothing: try again in a moment.',
  'already-imported': 'Give --again to import it once more.',
  'patient-claimed': 'The slip was used. If it was not you, ask the desk for a new pid.',
  'claim-expired': 'Ask the desk for a new slip.',
  'grant-unknown': 'See what you may use with `salus grants`, or ask the patient with `salus request`.',
  'grant-revoked': 'The patient has ended this grant: ask for a new one with `salus request`.',
  'grant-expired': 'Ask for a new grant with `salus request`.',
  'uses-exhausted': 'Ask for a new grant with `salus request`.',
  'category-not-granted': 'Name only categories that the patient granted: --categories.',
  'purpose-mismatch': 'Name a purpose that the patient granted: --purpose.',
  'request-answered': 'See `salus requests`: it was answered before.',
  'session-ended': 'Run the command again: it opens a new session if the grant still allows one.',
  'rollback-unnamed':
    'The node was restored from a backup: an administrator names the lost blocks with `salus rollback`.',
  denied: 'Your role, care relationship or the patient’s denial does not allow this.',
};
