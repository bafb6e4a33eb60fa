/** Resources of other organisations that are shown in this one's base (ADR 0015). Column rules as in `schema.ts`. */
export interface ForeignTables {
  readonly foreignResource: ForeignResourceTable;
  readonly foreignLink: ForeignLinkTable;
}

/** Under which id of this base a resource of another is shown. It holds ids, and nothing of the resource. */
export interface ForeignResourceTable {
  /** Token of type and local id. */
  readonly localToken: string;
  /** Token of author and record id. */
  readonly recordToken: string;
  /** Token of author, type and the author's FHIR id. */
  readonly nameToken: string;
  /** Token of author and pid. */
  readonly pidToken: string;
  /** `ForeignFacts` */
  readonly sealed: Uint8Array;
}

/** A patient of this organisation who is also one of another. */
export interface ForeignLinkTable {
  /** Token of both pids. */
  readonly linkToken: string;
  /** Token of the pid here. */
  readonly ownToken: string;
  /** `ForeignLink` */
  readonly sealed: Uint8Array;
}
