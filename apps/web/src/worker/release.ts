/** `release.json` of a build: the policy of its page and the SHA-256, in hex, of every file. */
export interface Release {
  readonly version: 'salus:web-release:v1';
  readonly policy: string;
  readonly files: Readonly<Record<string, string>>;
}

/** What an installed app holds on to since its first installation, which trusted the node. */
export interface Pinned {
  readonly network: string;
  /** Key of the ledger's signatures; null on Fabric, where the administrator's signature stands alone. */
  readonly ledgerKey: string | null;
  /** Who may list: the organisations and the keys of their administrators that listed the first release. */
  readonly administrators: readonly { readonly organisation: string; readonly publicKey: string }[];
}

export interface Installed {
  /** base64url of SHA-256 of `release.json`. */
  readonly current: string;
  /** Pages that are open may still ask for files of it. */
  readonly previous: string | null;
  readonly pinned: Pinned;
  /** Until when the administrator's signed listing of `current` could be committed: a later one was listed later. */
  readonly listedUntilMs: number;
}

/** What the worker tells pages, and answers when one asks. */
export type ReleaseNews =
  | { readonly kind: 'current' }
  /** A listed release was verified and is used from the next page on. */
  | { readonly kind: 'ready' }
  /** The node serves a release that nobody listed whom this app knows. */
  | { readonly kind: 'unlisted'; readonly hash: string }
  /** The installed release was taken back. */
  | { readonly kind: 'withdrawn' };

const VERSION = 'salus:web-release:v1';
const FILES_MAX = 2_000;
const PATH = /^(?:\/[\w-][\w.-]*)+$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** @throws TypeError for what is no release */
export function parseRelease(text: string): Release {
  const parsed = JSON.parse(text) as Partial<Release> | null;
  const files = Object.entries(parsed?.files ?? {});
  const wellFormed =
    parsed?.version === VERSION &&
    typeof parsed.policy === 'string' &&
    files.length > 0 &&
    files.length <= FILES_MAX &&
    files.every(([path, hash]) => PATH.test(path) && SHA256.test(hash));
  if (!wellFormed) throw new TypeError('what the node calls its release is none');
  return parsed as Release;
}
