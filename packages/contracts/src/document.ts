import { CONTRACT_CODES, RUNTIME_CODES } from './codes.ts';
import type { AnyTransaction } from './transaction.ts';

const INTRODUCTION = `# Contracts

Generated from the definitions in \`packages/contracts\` by \`node packages/contracts/scripts/write-document.ts\`; a test keeps it current.

A transaction is called by a signed call: \`{network, contract, transaction, args, privateHash?, signer, onBehalfOf?, nonce, notAfter}\`, canonical
(RFC 8785) and signed (ES256, low S) by whoever acts. No argument names the caller. Times are milliseconds, ids 16 and hashes 32 random or
hashed bytes in base64url. Unknown members, floats, half surrogate pairs and anything beyond a bound are refused.

Every call is checked in this order, and the first failure decides the code: form and bounds; network; whether \`call/<id>\` exists (then the first
result is the answer, and nothing happens twice); whether the ledger has moved; \`notAfter\`; transaction; kind of signer; the signer's key, as the
state has it; signature; kind and role of a member; a guardian's scope; delegation; private arguments against their hash; then what stands under *Checks*. A refusal
writes nothing. A call that commits also writes \`call/<id>\`, and one that a guardian signed \`patient/act/<pid>/<id>\` {guardian, transaction, ms}.

Checks marked *Private* run where the private arguments are, at the organisation concerned; result and writes are the same without them.
`;

const SIGNERS: Readonly<Record<AnyTransaction['signers'][number], string>> = {
  id: 'a member',
  pid: 'a device of the patient',
  claim: 'the key of the slip',
  recovery: 'the recovery key',
};

/** The reference of all transactions and codes, as Markdown. */
export function renderContracts(contracts: readonly AnyTransaction[]): string {
  const names = [...new Set(contracts.map(({ contract }) => contract))];
  const sections = names.map((name) => {
    const transactions = contracts.filter(({ contract }) => contract === name);
    return [`## ${name}\n`, ...transactions.map(renderTransaction)].join('\n');
  });
  return [INTRODUCTION, ...sections, renderCodes(contracts)].join('\n');
}

function renderTransaction(transaction: AnyTransaction): string {
  const { contract, name, summary, checks, writes, errors } = transaction;
  const lines = [
    `### ${contract}.${name}\n`,
    `${summary}\n`,
    `- **Signed by** ${renderSigners(transaction)}`,
    ...(transaction.timeless === true ? ['- **notAfter** may be null: it is never too late'] : []),
    ...(transaction.private === undefined ? [] : [`- **Private** ${renderPrivate(transaction.private)}`]),
    '- **Checks**',
    ...checks.map((check) => `  - ${check}`),
    '- **Writes**',
    ...writes.map((write) => `  - \`${write}\``),
    `- **Refuses with** ${renderErrors(errors)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function renderErrors(errors: AnyTransaction['errors']): string {
  return errors.length === 0 ? 'no code of its own' : [...new Set(errors)].map((code) => `\`${code}\``).join(', ');
}

const GUARDIAN_SIGNER = (scope: NonNullable<AnyTransaction['guardian']>): string =>
  scope === 'any' ? 'a guardian' : `a guardian with the scope \`${scope}\``;

function renderSigners({ signers, memberKinds = [], roles = [], onBehalfOf, guardian }: AnyTransaction): string {
  const members = [
    `${SIGNERS.id} (${memberKinds.join(', ')})`,
    ...(roles.length === 0 ? [] : [`with the role ${roles.map((role) => `\`${role}\``).join(' or ')}`]),
    ...(onBehalfOf === undefined ? [] : [onBehalfOf === 'required' ? 'for a user' : 'also for a user']),
  ].join(' ');
  const names = signers.map((signer) => (signer === 'id' ? members : SIGNERS[signer]));
  return [...names, ...(guardian === undefined ? [] : [GUARDIAN_SIGNER(guardian)])].join(' or ');
}

function renderPrivate({ summary, required, pid }: NonNullable<AnyTransaction['private']>): string {
  const whose = pid === 'signer' ? "the signer's pid" : '`args.pid`';
  return `${required ? '' : '(optional) '}\`${summary}\`, checked at the organisation of ${whose}`;
}

function renderCodes(contracts: readonly AnyTransaction[]): string {
  const rows = Object.entries(CONTRACT_CODES).map(([code, meaning]) => {
    const users = contracts.filter(({ errors }) => errors.some((error) => error === code));
    const names = users.map(({ contract, name }) => `${contract}.${name}`);
    const where = Object.hasOwn(RUNTIME_CODES, code) ? ['any', ...names] : names;
    return `| \`${code}\` | ${meaning} | ${where.join(', ')} |`;
  });
  return ['## Codes\n', '| code | meaning | given by |', '| --- | --- | --- |', ...rows, ''].join('\n');
}
