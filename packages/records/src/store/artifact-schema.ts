/** Tables of what comes and goes with log-ins of apps. Column rules as in `schema.ts`. */
export interface ArtifactTables {
  readonly artifact: ArtifactTable;
}

/** One token, code, log-in under way or the like (`artifacts.ts`). */
export interface ArtifactTable {
  readonly token: string;
  /** Token of what it dies with. */
  readonly groupToken: string | null;
  /** Token of the second name by which it is found. */
  readonly aliasToken: string | null;
  readonly expiresMs: number;
  readonly sealed: Uint8Array;
}
