/** What is wrong in a peer's block files, by kind. A finding is a fact about stored bytes, never a guess at who changed them. */
export type BlockFileCode =
  /** The folder holds no block files, a gap between them, or something else. */
  | 'file'
  /** The bytes are not a block as Fabric writes it. */
  | 'form'
  /** The file ends within a block. */
  | 'cut-off'
  /** The block's number is not the next one. */
  | 'number'
  /** The block does not continue the one before. */
  | 'chain'
  /** The transactions are not those of the header. */
  | 'data-hash'
  /** The block names another configuration than the one in force. */
  | 'last-config'
  /** An orderer's signature is not valid, not an orderer's, or missing. */
  | 'signature'
  /** There are not as many validation flags as transactions. */
  | 'flags'
  /** The commit hash does not follow from validation flags and updates. */
  | 'commit-hash'
  /** The configuration in the block cannot be read. */
  | 'configuration'
  /** The node's own replica recorded something else. */
  | 'replica'
  /** A transaction that should not be, found by running its calls again. */
  | 'call';

export type BlockFileFinding = {
  readonly code: BlockFileCode;
  readonly message: string;
  /** The file's name, without its folder. */
  readonly file: string;
  /** Where in the file the wrong part begins: as exact as the damage allows. */
  readonly offsetBytes: number;
  readonly block?: number;
};

/** Findings that one run reports; what is damaged further is named by the last one. */
export const BLOCK_FILE_FINDINGS_MAX = 1_000;
