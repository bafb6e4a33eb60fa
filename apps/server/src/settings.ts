import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { postgresPlace } from '@salus/records';
import { ServerError } from './server-error.ts';
import { findBuiltWebApp } from './web/web-app.ts';

/** What an operator decides; every member can come from the environment or from the file that SALUS_CONFIG names. */
export interface Settings {
  /** Databases, objects and the ledger: everything that a backup takes. */
  readonly dataDirectory: string;
  /** PostgreSQL for the records instead of files in the data directory; may hold a password. */
  readonly databaseUrl: string | null;
  /** The file that names a bucket for the objects instead of files in the data directory; null: files. */
  readonly objectsFile: string | null;
  /** Keys, passphrases and checkpoints: everything that must not lie beside the data. */
  readonly configDirectory: string;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string;
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | null;
  readonly masterKeyFile: string;
  readonly checkpointFile: string;
  /** Where backups of the running node go; a caller names one of them and chooses no path. */
  readonly backupDirectory: string;
  /** Whether an empty data directory is filled with the demonstration consortium. */
  readonly demonstration: boolean;
  /** Organisations with which an empty data directory is founded, instead of the demonstration. */
  readonly found: readonly string[];
  /** The file that says which Fabric network this organisation is on; null: the embedded ledger. */
  readonly ledger: string | null;
  /** Where other organisations' nodes are answered, by mutual TLS; null: nowhere. */
  readonly exchange: { readonly host: string; readonly port: number } | null;
  /** The file that says where other organisations' exchanges listen; null: only organisations of this process meet. */
  readonly exchangePeersFile: string | null;
  /** The file that says where HL7 v2 messages are taken, and whose; null: nowhere. */
  readonly hl7File: string | null;
  /** Hosts (with the port where one is given) to which notifications may go although they are private. */
  readonly subscriptionHosts: readonly string[];
  /** Where an organisation that wants to join writes its application for the members. */
  readonly applicationFile: string;
  /** The folder of the built web app; null: the node serves none. */
  readonly webDirectory: string | null;
  readonly logLevel: LogLevel;
  /** Bearer token for /metrics from other hosts; without it only loopback may read them. */
  readonly metricsToken: string | null;
}

const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const SETTING_NAMES = [
  'SALUS_DATA',
  'SALUS_DATABASE_URL',
  'SALUS_OBJECTS',
  'SALUS_HOST',
  'SALUS_PORT',
  'SALUS_PUBLIC_URL',
  'SALUS_TLS_CERT',
  'SALUS_TLS_KEY',
  'SALUS_MASTER_KEY_FILE',
  'SALUS_CHECKPOINT_FILE',
  'SALUS_BACKUPS',
  'SALUS_DEMO',
  'SALUS_FOUND',
  'SALUS_LEDGER',
  'SALUS_EXCHANGE_HOST',
  'SALUS_EXCHANGE_PORT',
  'SALUS_EXCHANGE_PEERS',
  'SALUS_HL7',
  'SALUS_SUBSCRIPTION_HOSTS',
  'SALUS_APPLICATION',
  'SALUS_WEB',
  'SALUS_LOG_LEVEL',
  'SALUS_METRICS_TOKEN',
] as const;
type SettingName = (typeof SETTING_NAMES)[number];

const DEFAULT_PORT = 8470;
const ORGANISATIONS_MAX = 64;
const HOSTS_MAX = 64;
const SLUG = /^[a-z][a-z0-9-]{1,31}$/;
const CONFIG_BYTES_MAX = 64 * 1024;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * Reads the settings; the environment wins over the file.
 *
 * @throws ServerError `bad-setting` naming the setting: an unknown name in the file, a port that is none, TLS half
 *   given, plain HTTP beyond loopback, keys or checkpoints inside the data directory.
 */
export function readSettings(environment: NodeJS.ProcessEnv, workingDirectory: string): Settings {
  const value = settingSource(environment, workingDirectory);
  const configDirectory = join(value.raw('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'salus');
  const path = (name: SettingName, fallback: string): string => resolve(workingDirectory, value.of(name) ?? fallback);
  const host = value.of('SALUS_HOST') ?? '127.0.0.1';
  const port = parsePort('SALUS_PORT', value.of('SALUS_PORT') ?? String(DEFAULT_PORT));
  const tls = parseTls(value.of('SALUS_TLS_CERT'), value.of('SALUS_TLS_KEY'), workingDirectory);
  if (tls === null && !LOOPBACK.has(host)) {
    throw badSetting(
      'SALUS_HOST',
      'is not loopback: plain HTTP is served on loopback only, give SALUS_TLS_CERT and SALUS_TLS_KEY',
    );
  }
  const settings: Settings = {
    dataDirectory: path('SALUS_DATA', 'data'),
    databaseUrl: parseDatabaseUrl(value.of('SALUS_DATABASE_URL')),
    objectsFile: fileOf(value, 'SALUS_OBJECTS', workingDirectory),
    configDirectory,
    host,
    port,
    publicUrl: parseUrl(
      value.of('SALUS_PUBLIC_URL') ?? `${tls === null ? 'http' : 'https'}://${urlHost(host)}:${port}`,
    ),
    tls,
    masterKeyFile: path('SALUS_MASTER_KEY_FILE', join(configDirectory, 'master-keys.json')),
    checkpointFile: path('SALUS_CHECKPOINT_FILE', join(configDirectory, 'checkpoint.jsonl')),
    backupDirectory: path('SALUS_BACKUPS', 'backups'),
    demonstration: parseFlag('SALUS_DEMO', value.of('SALUS_DEMO') ?? '1'),
    found: parseSlugs('SALUS_FOUND', value.of('SALUS_FOUND')),
    ledger: fileOf(value, 'SALUS_LEDGER', workingDirectory),
    exchange: parseExchange(value, host),
    exchangePeersFile: fileOf(value, 'SALUS_EXCHANGE_PEERS', workingDirectory),
    hl7File: fileOf(value, 'SALUS_HL7', workingDirectory),
    subscriptionHosts: parseHosts('SALUS_SUBSCRIPTION_HOSTS', value.of('SALUS_SUBSCRIPTION_HOSTS')),
    applicationFile: path('SALUS_APPLICATION', join(configDirectory, 'application.json')),
    webDirectory: fileOf(value, 'SALUS_WEB', workingDirectory) ?? findBuiltWebApp() ?? null,
    logLevel: parseLogLevel(value.of('SALUS_LOG_LEVEL') ?? 'info'),
    metricsToken: value.of('SALUS_METRICS_TOKEN') ?? null,
  };
  if (settings.ledger !== null && settings.found.length > 0) {
    throw badSetting(
      'SALUS_FOUND',
      'is for the embedded ledger: with SALUS_LEDGER the connection names the organisation',
    );
  }
  refuseInsideData('SALUS_MASTER_KEY_FILE', settings.masterKeyFile, settings.dataDirectory);
  if (settings.objectsFile !== null) refuseInsideData('SALUS_OBJECTS', settings.objectsFile, settings.dataDirectory);
  refuseInsideData('SALUS_CHECKPOINT_FILE', settings.checkpointFile, settings.dataDirectory);
  refuseInsideData('SALUS_BACKUPS', settings.backupDirectory, settings.dataDirectory);
  return settings;
}

interface SettingSource {
  of(name: SettingName): string | undefined;
  raw(name: string): string | undefined;
}

function settingSource(environment: NodeJS.ProcessEnv, workingDirectory: string): SettingSource {
  const raw = (name: string): string | undefined => environment[name] || undefined;
  const file = raw('SALUS_CONFIG');
  const inFile = file === undefined ? new Map<string, string>() : readConfig(resolve(workingDirectory, file));
  return { raw, of: (name) => raw(name) ?? inFile.get(name) };
}

/** The file is one JSON object with the names of the environment's variables. */
function readConfig(file: string): Map<string, string> {
  if (!existsSync(file)) throw badSetting('SALUS_CONFIG', `names ${file}, which does not exist`);
  const text = readFileSync(file, 'utf8');
  if (text.length > CONFIG_BYTES_MAX) throw badSetting('SALUS_CONFIG', `is larger than ${CONFIG_BYTES_MAX} bytes`);
  const parsed = parseConfig(text);
  const known = new Set<string>(SETTING_NAMES);
  return new Map(
    Object.entries(parsed).map(([name, setting]) => {
      if (!known.has(name)) throw badSetting(name, `is not a setting; known are ${SETTING_NAMES.join(', ')}`);
      return [name, String(setting)];
    }),
  );
}

function parseConfig(text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch (cause) {
    throw new ServerError('bad-setting', 'SALUS_CONFIG is not JSON.', { cause });
  }
  throw badSetting('SALUS_CONFIG', 'is not a JSON object');
}

/** Looked at as an organisation's node will; the message holds no part of it. */
function parseDatabaseUrl(text: string | undefined): string | null {
  if (text === undefined) return null;
  try {
    postgresPlace(text, 'organisation');
    return text;
  } catch (cause) {
    throw new ServerError('bad-setting', `SALUS_DATABASE_URL: ${(cause as Error).message}.`, { cause });
  }
}

function parsePort(name: SettingName, text: string): number {
  const port = Number(text);
  // 0 asks the system for a free port: tests use it.
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw badSetting(name, 'is not a port number');
  return port;
}

function parseExchange(value: SettingSource, host: string): Settings['exchange'] {
  const port = value.of('SALUS_EXCHANGE_PORT');
  if (port === undefined) return null;
  return { host: value.of('SALUS_EXCHANGE_HOST') ?? host, port: parsePort('SALUS_EXCHANGE_PORT', port) };
}

/** The path of a file that must be there; null where the setting is not given. */
function fileOf(value: SettingSource, name: SettingName, base: string): string | null {
  const given = value.of(name);
  if (given === undefined) return null;
  const file = resolve(base, given);
  if (!existsSync(file)) throw badSetting(name, `names ${file}, which does not exist`);
  return file;
}

function parseTls(certificate: string | undefined, key: string | undefined, base: string): Settings['tls'] {
  if (certificate === undefined && key === undefined) return null;
  if (certificate === undefined || key === undefined) {
    throw badSetting('SALUS_TLS_CERT', 'and SALUS_TLS_KEY are given together or not at all');
  }
  const [certificateFile, keyFile] = [resolve(base, certificate), resolve(base, key)];
  for (const file of [certificateFile, keyFile]) {
    if (!existsSync(file)) throw badSetting('SALUS_TLS_CERT', `or SALUS_TLS_KEY names ${file}, which does not exist`);
  }
  return { certificateFile, keyFile };
}

function parseUrl(text: string): string {
  if (!URL.canParse(text)) throw badSetting('SALUS_PUBLIC_URL', 'is not a URL');
  return text.replace(/\/+$/, '');
}

function parseFlag(name: SettingName, text: string): boolean {
  if (text !== '0' && text !== '1') throw badSetting(name, 'is 0 or 1');
  return text === '1';
}

function parseSlugs(name: SettingName, text: string | undefined): readonly string[] {
  const slugs = text === undefined ? [] : text.split(',').map((slug) => slug.trim());
  if (
    slugs.length > ORGANISATIONS_MAX ||
    new Set(slugs).size !== slugs.length ||
    !slugs.every((slug) => SLUG.test(slug))
  ) {
    throw badSetting(
      name,
      'is a list of different names with commas between them, each of 2 to 32 lower-case letters, digits and dashes',
    );
  }
  return slugs;
}

/** Hosts as URLs have them: `hooks.internal`, `10.0.0.5:8443`, `[fd00::1]`. */
function parseHosts(name: SettingName, text: string | undefined): readonly string[] {
  const hosts = text === undefined ? [] : text.split(',').map((host) => host.trim());
  const isHost = (host: string): boolean => URL.canParse(`https://${host}`) && new URL(`https://${host}`).host === host;
  if (hosts.length > HOSTS_MAX || !hosts.every(isHost))
    throw badSetting(name, 'is a list of hosts with commas between them');
  return hosts;
}

function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw badSetting('SALUS_LOG_LEVEL', `is one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Whoever steals the data directory must not find the keys in it, nor be able to cut the checkpoint with the ledger. */
function refuseInsideData(name: SettingName, file: string, dataDirectory: string): void {
  const inside = (child: string, parent: string): boolean => child === parent || child.startsWith(parent + sep);
  if (inside(file, dataDirectory) || inside(realPath(file), realPath(dataDirectory))) {
    throw badSetting(name, 'lies inside SALUS_DATA: keys and checkpoints are kept apart from the data they guard');
  }
}

/** Resolves links of the part of a path that exists. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path || !isAbsolute(path) ? path : join(realPath(parent), path.slice(parent.length));
}

function badSetting(name: string, problem: string): ServerError {
  return new ServerError('bad-setting', `${name} ${problem}.`);
}
