import { hash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONTRACTS_VERSION } from '@salus/contracts';
import { build } from 'esbuild';

export { definitionVersion, findBundleHash, findDefinedBundle, packageLabel } from './chaincode/package-name.ts';

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));
/** Paths inside the bundle are relative to the repository: the same sources give the same bytes wherever they lie. */
const REPOSITORY = dirname(dirname(PACKAGE));

/** `contracts` is the version of the contracts in it. */
export type Bundle = { readonly code: Buffer; readonly sha256hex: string; readonly contracts: string };

/**
 * The chaincode as one CommonJS file that Node runs: contracts, wrapper and everything that they import. Deterministic: the same
 * sources, lock file and version of esbuild give the same bytes. It exports `runtime`, and serves when it is the program.
 */
export async function bundleChaincode(): Promise<Bundle> {
  const result = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: [join(PACKAGE, 'src', 'chaincode', 'main.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    conditions: ['node'],
    charset: 'utf8',
    legalComments: 'eof',
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: false,
    tsconfigRaw: {},
    footer: { js: 'if (require.main === module) module.exports.main();' },
    logLevel: 'silent',
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error('esbuild gives one file');
  const code = Buffer.from(file.contents);
  return { code, sha256hex: hash('sha256', code, 'hex'), contracts: CONTRACTS_VERSION };
}
