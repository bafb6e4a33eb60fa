import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  exportOrganisation,
  importCertificates,
  importOrganisation,
  machinesOf,
  requireBinaries,
  requireOrganisation,
  serviceUnits,
} from '@salus/network';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { SERVER } from '../network/bring-nodes.ts';
import {
  type DirectoryOption,
  directoryOption,
  nodeSecrets,
  type OrganisationOption,
  openNetwork,
  organisationOption,
} from '../network/network-directory.ts';
import { slug } from '../options.ts';
import type { Act } from '../program.ts';

/** What belongs to single hosts: public parts of organisations, answers of an existing CA, services of the system. */
export function addNetworkHostCommands(network: Command, act: Act): void {
  addExport(network, act);
  addImport(network, act);
  addImportCertificates(network, act);
  addUnits(network, act);
}

interface ExportOptions extends DirectoryOption {
  readonly out: string;
}

function addExport(network: Command, act: Act): void {
  const command = network
    .command('export-org')
    .argument('<slug>', 'an organisation of this host')
    .description(
      'Write an organisation’s public part: its authorities and its orderers’ certificates, which every other host needs. No key is in it.',
    )
    .requiredOption('--out <file>', 'where to')
    .addOption(directoryOption());
  const example = 'salus network export-org laboratory --out laboratory.json';
  act<ExportOptions>(command, example, async (context, options, [name = '']) => {
    const card = exportOrganisation(openNetwork(context, options), name);
    const file = resolve(context.workingDirectory, options.out);
    writeFileSync(file, `${JSON.stringify(card, null, 2)}\n`);
    context.terminal.result(`The public part of ${name}: ${file}`, { organisation: name, file });
    return EXIT.ok;
  });
}

interface ImportOptions extends DirectoryOption {
  readonly replace?: boolean;
}

function addImport(network: Command, act: Act): void {
  const command = network
    .command('import-org')
    .argument('<files...>', 'public parts from other hosts')
    .description(
      'Take other organisations’ public parts, as export-org wrote them, and show the authorities’ SHA-256 fingerprints. Compare them with those organisations by telephone: who is admitted follows from them. Another part than the one that is here is refused.',
    )
    .option('--replace', 'take another part of an organisation instead of the one that is here')
    .addOption(directoryOption());
  act<ImportOptions>(command, 'salus network import-org hospital-a.json', async (context, options, files) => {
    const place = openNetwork(context, options);
    const { replace = false } = options;
    const organisations = files.map((file) => importOrganisation(place, readText(context, file), { replace }));
    const lines = organisations.flatMap(({ organisation, outcome, fingerprints }) => [
      `${organisation}: ${outcome}`,
      ...fingerprints.map((line) => `  ${line}`),
    ]);
    context.terminal.result(lines.join('\n'), { organisations });
    return EXIT.ok;
  });
}

interface ImportCertificatesOptions extends DirectoryOption {
  readonly org: string;
  readonly chain: string;
  readonly tlsChain?: string;
}

function addImportCertificates(network: Command, act: Act): void {
  const command = network
    .command('import-certificates')
    .argument('<files...>', 'the CA’s answers, PEM')
    .description(
      'Take the answers of an organisation’s existing CA (`certificates: external`) to the requests that `up` wrote. Each is checked against key, role, hosts, time and the given authorities; all are taken or none.',
    )
    .requiredOption('--org <slug>', 'whose CA answered', slug)
    .requiredOption('--chain <file>', 'PEM of the CA for identities, root and what stands below it')
    .option('--tls-chain <file>', 'PEM of the CA for TLS (default: the same)')
    .addOption(directoryOption());
  const example = 'salus network import-certificates --org laboratory --chain ca.pem answers/*.pem';
  act<ImportCertificatesOptions>(command, example, async (context, options, files) => {
    const place = openNetwork(context, options);
    const organisation = requireOrganisation(place, options.org);
    const layout = place.layout.organisation(options.org);
    const authorities = readText(context, options.chain);
    const machines = await importCertificates({
      organisation,
      layout,
      machines: machinesOf(organisation, layout),
      certificates: files.map((file) => readText(context, file)),
      authorities,
      tlsAuthorities: options.tlsChain === undefined ? authorities : readText(context, options.tlsChain),
      nowMs: context.nowMs(),
    });
    context.terminal.result(`Certified: ${machines.join(', ')}`, { organisation: options.org, machines });
    return EXIT.ok;
  });
}

interface UnitsOptions extends DirectoryOption, OrganisationOption {
  readonly out: string;
  readonly user: string;
}

function addUnits(network: Command, act: Act): void {
  const command = network
    .command('units')
    .description(
      'Write a systemd unit for each process of this host, so that the system keeps them instead of `up`. Commands that change the network then run with SALUS_NETWORK_START=no. Write them again after upgrade-contracts.',
    )
    .requiredOption('--out <dir>', 'where to, such as /etc/systemd/system')
    .option('--user <name>', 'the system’s user who owns the network’s directory', 'salus')
    .addOption(organisationOption())
    .addOption(directoryOption());
  act<UnitsOptions>(command, 'salus network units --out /etc/systemd/system', async (context, options) => {
    const place = openNetwork(context, options);
    const binaries = await requireBinaries({ layout: place.layout, environment: context.environment });
    const folder = resolve(context.workingDirectory, options.out);
    const units = serviceUnits({
      ...place,
      binaries,
      only: options.org,
      user: options.user,
      program: SERVER,
      secrets: nodeSecrets(context),
    });
    for (const { file, text } of units) writeFileSync(join(folder, file), text);
    const names = units.map(({ file }) => file);
    const text = [
      ...names.map((name) => join(folder, name)),
      'Then: systemctl daemon-reload',
      `systemctl enable --now ${names.join(' ')}`,
    ];
    context.terminal.result(text.join('\n'), { folder, units: names });
    return EXIT.ok;
  });
}

function readText({ workingDirectory }: CommandContext, file: string): string {
  const path = resolve(workingDirectory, file);
  if (!existsSync(path)) throw new CliError('bad-file', `There is no file ${path}.`);
  return readFileSync(path, 'utf8');
}
