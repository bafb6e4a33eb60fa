import { CONTRACT_CODES } from '@salus/contracts';
import type { CryptoErrorCode } from '@salus/crypto';
import type { FhirErrorCode } from '@salus/fhir';
import type { LedgerErrorCode, PortCode } from '@salus/ledger';
import type { FabricErrorCode } from '@salus/ledger-fabric';
import type { RecordsErrorCode } from '@salus/records';
import type { WalletErrorCode } from '@salus/wallet';
import { statusOf } from './http/problem.ts';
import type { ServerErrorCode } from './server-error.ts';

type Meanings<Code extends string> = { readonly [code in Code]: string };

const SERVER: Meanings<ServerErrorCode> = {
  'bad-setting': 'A setting is missing, malformed or unsafe; the message names it.',
  'bad-request': 'The request is not as its route describes; the message says where, never what stood there.',
  'own-route': 'The call has a route of its own, which keeps what the ledger does not hold; the message names it.',
  'body-too-large': 'The body is larger than the route takes.',
  'unsupported-media-type': 'The route takes JSON, or FHIR JSON, and nothing else.',
  'not-authenticated': 'There is no session, or it is over: log in.',
  'wrong-credentials': 'Account or password, or challenge and signature, do not fit.',
  'not-permitted':
    'The session is of another organisation, kind of person or role, or the person is enrolled no longer.',
  'not-agreed': 'The patient has not agreed to this step of a visit, or took the agreement back.',
  'not-selective': 'A change names neither an id nor a search.',
  'method-not-allowed': 'The place is known, and takes other methods: `Allow` names them.',
  'not-acceptable': 'The client takes neither FHIR JSON nor FHIR XML of R4.',
  'not-found': 'There is nothing of that name, or nothing that may be named to the caller.',
  conflict: 'The name is taken, or something changed in between.',
  'too-many-requests': 'Too many attempts for this account or address: wait a minute.',
  overloaded: 'A bound on what may wait is reached; nothing was done: try again.',
  'delegation-missing': 'Writing needs a delegation that the person’s own key has signed for this session.',
  'master-key-missing': 'The file of master keys, or a key in it, is missing or of another network.',
  'master-key-exposed': 'Others than the owner may read the file of master keys.',
  'data-directory-in-use': 'Another process has the data directory open.',
  'data-directory-foreign': 'The data directory holds something else, or data of another version.',
  'not-a-demonstration': 'Demonstration data and wallets belong to demonstration networks only.',
  'port-in-use': 'Something else listens on the port.',
  'ledger-missing':
    'The data directory is empty although a checkpoint vouches for a ledger, or nothing was asked to be founded.',
  'peer-unknown': 'The certificate shown to the exchange is not that of an enrolled node of an active member.',
  'peer-mismatch': 'A request to the exchange is signed in the name of another node than the one connected.',
  'message-refused': 'An HL7 v2 message was not taken; its acknowledgement says why and where.',
  'terminology-not-supported':
    'A value set or code cannot be told by what FHIR R4 ships: it needs SNOMED CT, LOINC or another system that is not here.',
  'export-failed': 'A bulk export broke, lost files, or was cut off too often: start it again.',
  internal: 'Something is wrong inside the node; its log tells where.',
};

const RECORDS: Meanings<RecordsErrorCode> = {
  'already-imported': 'The same bundle was imported before, and `again` was not said.',
  'attachment-truncated': 'An attachment has fewer bytes or chunks than its record names.',
  'bad-input': 'A value from outside breaks its documented shape or bound.',
  closed: 'The vault is closing: try again.',
  conflict: 'The version is no longer the current one, or the id stands for something else.',
  'content-mismatch': 'Bytes do not have the hash that the ledger or the record names.',
  corrupt: 'The store holds what it must never hold: run `salus verify`.',
  denied: 'Home access needs a role and a care relationship, and the patient may deny it.',
  erased: 'The version exists no more.',
  'foreign-resource':
    'Another organisation wrote the resource: it is read here, and changed only at the base that `meta.source` names.',
  'key-mismatch': 'A key does not belong to the owner, pair, epoch or session that was claimed.',
  'ledger-refused': 'The ledger refused the call; the answer carries the contract’s own code instead.',
  'ledger-unavailable': 'The outcome of a call is not known yet; it will be settled.',
  'master-key': 'The master key is not the one that the store was made with.',
  'not-found': 'There is no such record, patient, attachment, session or delivery, or none that may be named.',
  'omitted-record': 'The author’s node withheld a record that it had to show.',
  overloaded: 'A bound on what may wait is reached; nothing was done: try again.',
  'peer-unreachable': 'The other organisation’s node did not answer in time, or cannot now: ask again.',
  'peer-untrusted': 'What answers in the other organisation’s name is not an enrolled node of it.',
  'proof-invalid': 'A proof, root, opening or commitment does not verify against the ledger.',
  'rollback-unnamed':
    'The node was restored below a known checkpoint and releases nothing until the lost range is named.',
  'session-ended': 'The session is over; the answer carries the reason’s own code where there is one.',
  'signature-invalid': 'A signed request is not its organisation’s, stale, or replayed.',
  'stale-epoch': 'The owner’s keys kept changing while a write was tried: try again.',
  'store-refused': 'The database cannot be the store, or not any more: the message says why.',
  'store-unavailable': 'The database cannot be reached; nothing was done: try again.',
  'superseded-served': 'The author’s node served a version that was corrected since.',
  'tombstoned-served': 'The author’s node served a version that is hidden.',
  'erased-served': 'The author’s node served a version that was erased.',
  tombstoned: 'The version is hidden.',
  'too-costly': 'An answer would take more work than a named bound allows: ask for less.',
  'too-large': 'Input exceeds a named bound.',
};

const FHIR: Meanings<FhirErrorCode> = {
  'too-large': 'The text is larger than the bound.',
  'too-deep': 'The text is nested deeper than the bound.',
  encoding: 'The text is not UTF-8.',
  syntax: 'The text is not JSON.',
  'duplicate-key': 'An object names a member twice.',
  'key-refused': 'A member has a name that no resource has, such as `__proto__`.',
  'number-too-long': 'A number has more digits than the bound.',
  'not-a-resource': 'The JSON is not a FHIR resource.',
  'structure-invalid': 'The resource does not follow the R4 structure definitions; the issues say where.',
  'bundle-invalid': 'The bundle is no transaction, or an entry lacks what a transaction needs.',
  'too-many-entries': 'The bundle has more entries than the bound.',
  'duplicate-full-url': 'Two entries have the same fullUrl.',
  'not-supported': 'The interaction or resource type is not supported.',
  'reference-unresolved': 'A reference leads to nothing in the bundle or the store.',
  'condition-unsupported': 'A conditional create or reference uses more than an identifier.',
  'no-match': 'A conditional reference matches nothing.',
  'multiple-matches': 'A conditional create or reference matches more than one resource.',
  'id-invalid': 'An id is not a FHIR id.',
  'owner-unknown': 'It cannot be told whose record the resource is.',
  'overlapping-entries': 'Two entries of a transaction change the same resource.',
  'resource-unknown': 'An update or patch names a resource that is not here.',
  'resource-gone': 'An update or patch names a resource that was deleted.',
  'version-mismatch': 'The version that If-Match names is not the current one.',
  'create-by-update': 'The node chooses ids: an update never makes a resource under an id of the client’s.',
  'patch-invalid': 'The body is no JSON Patch (RFC 6902).',
  'patch-failed': 'An operation of the patch does not apply to the resource, or a test in it does not hold.',
};

const CRYPTO: Meanings<CryptoErrorCode> = {
  'bad-argument': 'A documented precondition is broken: length, range, bound.',
  'bad-encoding': 'Text is not canonical base64url, or bytes are not UTF-8.',
  'bad-json': 'Input is not strict JSON (UTF-8, no duplicate names, bounded), or a value has no canonical form.',
  'bad-call': 'JSON is not a signed call of a known version.',
  'bad-key': 'A key is malformed, out of range, or not on the curve.',
  'bad-format': 'An envelope, object, box or attachment has no known layout or version.',
  'too-large': 'Input exceeds a named bound.',
  'decryption-failed': 'Wrong key, wrong context, or changed bytes.',
  'wrong-passphrase': 'The passphrase does not open the box.',
  'bad-certificate': 'A certificate, request or list is malformed or its signature does not verify.',
};

const LEDGER: Meanings<LedgerErrorCode | PortCode> = {
  'not-a-ledger': 'The file is not a ledger of this format, or its head contradicts itself: run `salus verify`.',
  'already-exists': 'There is a ledger in the file already.',
  'wrong-key': 'The signer is not the one that the ledger was created with.',
  'in-use': 'Another process has the ledger open.',
  'storage-failed': 'A block could not be made durable; a restart recovers.',
  'checkpoint-failed': 'A block is durable but its checkpoint is not; ask again after a restart.',
  'execution-failed': 'A contract failed in a way that is no refusal; the call had no effect.',
  'bad-checkpoint-file': 'The checkpoint file is damaged, or of another network.',
  'bad-argument': 'A documented precondition is broken.',
  distrusted:
    'What was asked for rests on a transaction that should not be; an alarm names it, and nothing that rests on it is released.',
  unavailable: 'Peers or orderers were not reached in time; sending the same call again is safe.',
  'contracts-unknown':
    'A block was made by contracts that are not installed here; nothing newer is read until they are.',
  stopped: 'The ledger is closing; nothing was done: try again.',
  overloaded: 'Too many calls wait; nothing was done: try again.',
};

const FABRIC: Meanings<FabricErrorCode> = {
  'bad-block': 'What a peer gave as a block, or as a transaction in it, has not the form that Fabric’s protocol fixes.',
  'bad-wire': 'Bytes between node and chaincode are not of their format, or beyond its bounds.',
  'bad-private': 'Private values do not open, or are not those of the calls beside which they travelled.',
  'bad-configuration':
    'A connection, chaincode configuration or agreement is missing, unreadable or of another version.',
  'wrong-bundle': 'A bundle of contracts is not the one that its name states.',
  'peer-failed': 'The peer does not answer the chaincode, or not as its protocol says.',
  'service-failed': 'The chaincode service could not be served.',
  'not-ended': 'The ledger that should move up has not ended, cannot show its end, or moves elsewhere.',
  'import-refused': 'A member refused a part of the ledger that moves up; the message says who, where and why.',
};

const WALLET: Meanings<WalletErrorCode> = {
  'bad-slip': 'The text is no slip, or a character was misread.',
  'bad-recovery-code': 'The text is no recovery code, or a character was misread.',
  'bad-wallet': 'The file or backup is no wallet of this version, or not of this code.',
  'wrong-network': 'The slip or backup belongs to another network.',
  'pid-known': 'The wallet has claimed this slip already.',
  'pid-unknown': 'The wallet holds no such pid: claim it first.',
  'grant-unknown': 'The wallet holds no such grant.',
  'recovery-exhausted': 'The recovery keys of the wallet are used up: it claims no more pids.',
  'recipient-unlisted': 'The ledger lists no key for the grantee.',
  'seal-refused': 'The node gave a key that is not sealed to this device.',
  'checkpoint-went-back': 'The node shows an older or another ledger than before.',
  'proof-invalid': 'A proof does not verify against the ledger.',
  'wallet-exists': 'There is a wallet at that place already.',
  'wallet-missing': 'There is no wallet at that place.',
  'wallet-readable-by-others': 'Others than the owner may read the wallet.',
  'wrong-passphrase': 'The passphrase does not open the wallet.',
  'bad-share': 'A trustee’s share was misread, is of another set, or there are too few of them.',
  'weak-pin': 'A PIN has at least six characters that are not all the same.',
  'wrong-pin': 'The PIN does not open this device.',
  'pin-paused': 'Too many wrong PINs: the next try is 15 minutes later.',
  'wrong-passkey': 'The passkey does not open this device.',
};

/** Who gives which codes. Contracts, wallet and ledger say them in calls, files and commands; the server maps them all. */
const SECTIONS: readonly (readonly [title: string, meanings: Readonly<Record<string, string>>])[] = [
  ['The node (`@salus/server`)', SERVER],
  ['Records and exchange (`@salus/records`)', RECORDS],
  ['FHIR (`@salus/fhir`)', FHIR],
  ['Ledger (`@salus/ledger`)', LEDGER],
  ['Ledger on Hyperledger Fabric (`@salus/ledger-fabric`)', FABRIC],
  ['Cryptography (`@salus/crypto`)', CRYPTO],
  ['Wallet (`@salus/wallet`)', WALLET],
  ['Contracts (`@salus/contracts`; by transaction in [CONTRACTS.md](CONTRACTS.md))', CONTRACT_CODES],
];

/** The text of docs/ERRORS.md. */
export function renderErrors(): string {
  const head = [
    '# Error codes',
    '',
    'Every refusal has a stable code. Over HTTP it stands in `code` of problem+json (RFC 9457), for FHIR in',
    '`issue[0].details.coding` of an OperationOutcome, with the status below; a code keeps its meaning for ever.',
    'Messages never hold health data, keys or tokens. This page is generated from the packages’ own lists.',
  ];
  const tables = SECTIONS.flatMap(([title, meanings]) => [
    '',
    `## ${title}`,
    '',
    '| code | meaning | HTTP |',
    '| --- | --- | --- |',
    ...Object.entries(meanings).map(([code, meaning]) => `| \`${code}\` | ${meaning} | ${statusOf(code)} |`),
  ]);
  return `${[...head, ...tables].join('\n')}\n`;
}
