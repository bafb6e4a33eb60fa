import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { ClientError, delegateToNode, type NodeSession } from '@salus/client';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { fromClientError } from '../client-errors.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import type { Progress } from '../terminal.ts';

const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
/** The node prepares bundles in threads: one arrives while another is written. */
const BUNDLES_AT_ONCE = 3;

interface ImportOptions {
  readonly org?: string;
  readonly again?: boolean;
  readonly wallet?: string;
  readonly account?: string;
}

/** What became of one file. */
type ImportedFile =
  | {
      readonly file: string;
      readonly created: number;
      readonly matched: number;
      /** `Type/id` of each entry, in the order of the bundle. */
      readonly resources: readonly string[];
    }
  | {
      readonly file: string;
      readonly error: { readonly code: string; readonly message: string; readonly next?: string };
    };

/** `salus import`: FHIR transaction bundles into one organisation's records, under the name of a member of its staff. */
export function addImportCommand(program: Command, act: Act): void {
  const command = program
    .command('import')
    .argument('<file...>', 'FHIR R4 transaction bundles (JSON)')
    .description(
      'Write bundles as this person: each wholly or not at all. Practitioners, organisations and locations that are known by an identifier are matched, not doubled. A bundle that was imported before is refused.',
    )
    .option('--org <organisation>', 'where to; must be the organisation of the person')
    .option('--again', 'take bundles that were imported before')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<ImportOptions>(
    command,
    'salus import --org hospital-a --as a.rossi bundles/*.json',
    async (context, options, files) => {
      const paths = files.map((file) => resolve(context.workingDirectory, file));
      for (const path of paths) demandBundleFile(path);
      const startMs = performance.now();
      const imported = await asStaff(context, options, async (staff) => {
        if (options.org !== undefined && options.org !== staff.session.organisation) {
          const next = `This person is of ${staff.session.organisation}: use a wallet of ${options.org}.`;
          throw new CliError('wrong-organisation', `The wallet is not of ${options.org}.`, { next });
        }
        await delegateToNode(staff);
        return importAll(context, staff.session, paths, options.again === true);
      });
      return tell(context, imported, performance.now() - startMs);
    },
  );
}

function demandBundleFile(path: string): void {
  const problem = !existsSync(path)
    ? 'does not exist'
    : !statSync(path).isFile()
      ? 'is no file'
      : statSync(path).size > BUNDLE_BYTES_MAX
        ? 'is larger than 64 MiB'
        : undefined;
  if (problem === undefined) return;
  const next = 'Nothing was imported. Name files that hold one transaction bundle each.';
  throw new CliError('bad-file', `${path} ${problem}.`, { next });
}

async function importAll(
  context: CommandContext,
  session: NodeSession,
  paths: readonly string[],
  again: boolean,
): Promise<readonly ImportedFile[]> {
  const progress = context.terminal.progress('import: bundles', paths.length);
  const imported: ImportedFile[] = [];
  const waiting = [...paths.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, path] = next;
      imported[at] = await importFile(session, path, again);
      showProgress(progress, imported);
    }
  };
  await Promise.all(Array.from({ length: BUNDLES_AT_ONCE }, work));
  progress.end();
  return imported;
}

/** A refused bundle does not stop the others: what the node says of each is told at the end. */
async function importFile(session: NodeSession, path: string, again: boolean): Promise<ImportedFile> {
  const file = basename(path);
  try {
    const answer = await session.api.send<{
      readonly entry?: readonly { readonly response?: { readonly status?: string; readonly location?: string } }[];
    }>({
      method: 'POST',
      path: `/api/v1/orgs/${session.organisation}/imports`,
      query: again ? { again: 1 } : {},
      fhir: readFileSync(path),
      token: session.token,
    });
    const responses = (answer.entry ?? []).map(({ response }) => response ?? {});
    const created = responses.filter(({ status = '' }) => status.startsWith('201')).length;
    const resources = responses.map(({ location = '' }) => location.replace(/\/_history\/.*$/, ''));
    return { file, created, matched: responses.length - created, resources };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const { code, message, next, exit } = fromClientError(error);
    if (exit === EXIT.denied) throw error;
    return { file, error: { code, message, ...(next === undefined ? {} : { next }) } };
  }
}

function showProgress(progress: Progress, imported: readonly ImportedFile[]): void {
  const done = imported.filter((file) => file !== undefined);
  const { created, matched } = sumOf(done);
  progress.at(done.length, `${created} created, ${matched} matched`);
}

function tell(
  { terminal }: CommandContext,
  files: readonly ImportedFile[],
  durationMs: number,
): typeof EXIT.ok | typeof EXIT.refused {
  const { created, matched, refused } = sumOf(files);
  const resourcesPerSecond = Math.round(((created + matched) * 1000) / durationMs);
  const lines = [
    ...files.flatMap((file) =>
      'error' in file
        ? [
            `${file.file}: ${file.error.message} (${file.error.code})${file.error.next === undefined ? '' : `\n  → ${file.error.next}`}`,
          ]
        : [],
    ),
    `${created + matched} entries answered: ${created} created, ${matched} matched, in ${files.length - refused} of ${files.length} bundles; ${(durationMs / 1000).toFixed(1)} s, ${resourcesPerSecond} resources/s.`,
  ];
  terminal.result(lines.join('\n'), { created, matched, refused, durationMs, resourcesPerSecond, files });
  return refused === 0 ? EXIT.ok : EXIT.refused;
}

function sumOf(files: readonly ImportedFile[]): { created: number; matched: number; refused: number } {
  const sum = { created: 0, matched: 0, refused: 0 };
  for (const file of files) {
    if ('error' in file) sum.refused += 1;
    else {
      sum.created += file.created;
      sum.matched += file.matched;
    }
  }
  return sum;
}
