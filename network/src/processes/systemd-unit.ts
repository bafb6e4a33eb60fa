import type { ProcessSpec } from './process-table.ts';

export interface UnitOptions {
  /** The system's user who owns the network's directory. */
  readonly user: string;
  /** Files that the process must see even where homes are hidden from it. */
  readonly reads: readonly string[];
  /** Paths that the process writes below. */
  readonly writes: readonly string[];
}

/** The text of a systemd unit that runs a process of the network as `up` would (systemd.service(5), systemd.exec(5)). */
export function systemdUnit(spec: ProcessSpec, { user, reads, writes }: UnitOptions): string {
  const environment = Object.entries(spec.environment).map(
    ([name, value]) => `Environment=${quoted(`${name}=${value}`)}`,
  );
  return [
    '[Unit]',
    `Description=Salus network: ${spec.name}`,
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    `User=${user}`,
    `WorkingDirectory=${spec.workingDirectory}`,
    ...environment,
    `ExecStart=${[spec.command, ...spec.args].map(quoted).join(' ')}`,
    'Restart=always',
    'RestartSec=1',
    'UMask=0077',
    'NoNewPrivileges=yes',
    'PrivateTmp=yes',
    [...reads, ...writes].some(isHomePath) ? 'ProtectHome=tmpfs' : 'ProtectHome=yes',
    'ProtectSystem=strict',
    ...reads.filter(isHomePath).map((path) => `BindReadOnlyPaths=${quoted(path)}`),
    ...writes.filter(isHomePath).map((path) => `BindPaths=${quoted(path)}`),
    ...writes.map((path) => `ReadWritePaths=${quoted(path)}`),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}

/** Below what ProtectHome= hides; with `tmpfs` bound paths stay visible in there. */
function isHomePath(path: string): boolean {
  return /^\/(?:home|root|run\/user)(?:\/|$)/.test(path);
}

/** systemd splits at spaces and knows specifiers (%) and variables ($). */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$').replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return /[\s"'\\;]/.test(word) ? `"${escaped}"` : escaped;
}
