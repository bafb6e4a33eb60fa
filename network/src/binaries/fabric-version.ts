/** The release that Salus is tested with. */
export const FABRIC_RELEASE = '3.1.5';
export const RELEASE_PAGE = `https://github.com/hyperledger/fabric/releases/tag/v${FABRIC_RELEASE}`;
export const INSTALL_SCRIPT = 'https://raw.githubusercontent.com/hyperledger/fabric/main/scripts/install-fabric.sh';

export type Program = 'peer' | 'orderer';

export interface ProgramVersion {
  /** Without the leading v: `3.1.5`. */
  readonly version: string;
  /** `linux/amd64` */
  readonly platform: string;
}

const OUTPUT =
  /^(peer|orderer):\n Version: v?([^\n]{1,64})\n Commit SHA: [^\n]+\n Go version: [^\n]+\n OS\/Arch: ([^\n]{1,64})\n/;

/** What `peer version` or `orderer version` prints (fabric common/metadata); undefined where it is not Fabric's. */
export function parseVersionOutput(program: Program, output: string): ProgramVersion | undefined {
  const [, name, version, platform] = OUTPUT.exec(output) ?? [];
  if (name !== program || version === undefined || platform === undefined) return undefined;
  return { version, platform };
}

/** Why a version does not serve, as a sentence; undefined where it does. */
export function versionProblem(version: string): string | undefined {
  if (/^3\.1\.\d{1,4}$/.test(version)) return undefined;
  if (/^2\.\d{1,4}\.\d{1,4}$/.test(version)) {
    return (
      `it is Fabric ${version}; Salus needs 3.1. The 2.5 LTS lacks channel capability V3_0 and with it BFT ordering, ` +
      'and messages that carry many keys between peer and chaincode at once'
    );
  }
  return `it is Fabric ${version}; Salus needs a release 3.1`;
}

/** What to do on a machine without Fabric's programs. */
export function installAdvice(platform: string): string {
  const archive = `hyperledger-fabric-${platform}-${FABRIC_RELEASE}.tar.gz`;
  return [
    `Download ${archive} and its checksum from ${RELEASE_PAGE}, then run:`,
    `  salus network install --archive ${archive} --sha256 HEX`,
    'Or let Fabric’s own script do it, and name its folder:',
    `  curl -sSLO ${INSTALL_SCRIPT} && chmod +x install-fabric.sh`,
    `  ./install-fabric.sh --fabric-version ${FABRIC_RELEASE} binary && export FABRIC_BIN=$PWD/bin`,
  ].join('\n');
}

const SYSTEMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const MACHINES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** `linux-amd64`, as Fabric names its archives. */
export function platformName(system: string = process.platform, machine: string = process.arch): string {
  return `${SYSTEMS[system] ?? system}-${MACHINES[machine] ?? machine}`;
}
