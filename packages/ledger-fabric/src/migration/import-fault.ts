import type { ImportCode } from './import-wire.ts';

/** Ends the taking over of a part; becomes the refusal that `runImport` answers. */
export class ImportFault extends Error {
  override readonly name = 'ImportFault';
  readonly code: ImportCode;

  constructor(code: ImportCode) {
    super(code);
    this.code = code;
  }
}
