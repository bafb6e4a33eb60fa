import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { TestNetwork } from '@salus/network';

/** Organisations are reached at an address of their own, where a proxy stands; their processes listen at 127.0.0.1. */
export function hostOf(slugs: readonly string[]): (slug: string) => string {
  return (slug) => `127.0.0.${2 + slugs.indexOf(slug)}`;
}

export type ProxiedPort = { readonly organisation: string; readonly host: string; readonly port: number };

type Link = {
  /** The organisation whose port it is. */
  readonly to: string;
  /** Both ends of the calling socket, as /proc/net/tcp names them. */
  readonly ends: { readonly local: number; readonly remote: string };
  readonly caller: Socket;
  readonly called: Socket;
};

/**
 * TCP proxies before every port of every organisation. While one organisation is cut off, nothing passes between its processes
 * and those of the others, in either direction, and nobody is told: bytes stay away as they do when a cable is drawn. Whose
 * connection it is, the kernel says (/proc, Linux).
 */
export class Partition implements AsyncDisposable {
  readonly #servers: readonly Server[];
  readonly #links = new Set<Link>();
  #cut: { readonly organisation: string; readonly pids: ReadonlyMap<number, string> } | undefined;

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  static async open(ports: readonly ProxiedPort[]): Promise<Partition> {
    const servers = ports.map(() => createServer({ allowHalfOpen: true }));
    const partition = new Partition(servers);
    await Promise.all(
      ports.map(async ({ organisation, host, port }, at) => {
        const server = servers[at]!;
        server.on('connection', (caller) => partition.#link(caller, { organisation, host, port }));
        await new Promise<void>((resolve, reject) => {
          server.on('error', reject);
          server.listen(port, host, resolve);
        });
      }),
    );
    return partition;
  }

  /** Connections that pass at the moment; a partition that cuts none shows nothing. */
  get links(): number {
    return this.#links.size;
  }

  /** Cuts one organisation off from all others; returns how many open connections that stops. */
  cut(network: TestNetwork, organisation: string): number {
    const pids = new Map<number, string>();
    for (const { name, pid, running } of network.processes()) {
      const owner = network.consortium.organisations.find(({ slug }) => name.startsWith(`${slug}-`));
      if (running && pid !== undefined && owner !== undefined) pids.set(pid, owner.slug);
    }
    this.#cut = { organisation, pids };
    const stopped = [...this.#links].filter((link) => this.#isCut(link));
    for (const { caller, called } of stopped) {
      caller.pause();
      called.pause();
    }
    return stopped.length;
  }

  /** Everything passes again, what was held back first. */
  heal(): void {
    this.#cut = undefined;
    for (const { caller, called } of this.#links) {
      caller.resume();
      called.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { caller, called } of this.#links) {
      caller.destroy();
      called.destroy();
    }
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  #link(caller: Socket, { organisation, host, port }: ProxiedPort): void {
    const called = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const ends = { local: caller.remotePort ?? 0, remote: kernelAddress(host, port) };
    const link: Link = { to: organisation, ends, caller, called };
    this.#links.add(link);
    const end = (): void => {
      this.#links.delete(link);
      caller.destroy();
      called.destroy();
    };
    for (const socket of [caller, called]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    caller.on('data', (bytes) => called.write(bytes));
    called.on('data', (bytes) => caller.write(bytes));
    caller.on('end', () => called.end());
    called.on('end', () => caller.end());
    if (!this.#isCut(link)) return;
    caller.pause();
    called.pause();
  }

  #isCut({ to, ends }: Link): boolean {
    if (this.#cut === undefined) return false;
    const { organisation, pids } = this.#cut;
    const inode = inodeOf(ends);
    const pid = inode === undefined ? undefined : pidOf(inode, pids.keys());
    // What no process of the network has opened is the test's own: a node beside its own peer.
    const from = (pid === undefined ? undefined : pids.get(pid)) ?? to;
    return from !== to && (from === organisation || to === organisation);
  }
}

/** The inode of the calling socket (proc(5), /proc/net/tcp). */
function inodeOf({ local, remote }: Link['ends']): string | undefined {
  const port = hex(local, 4);
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, own, other, , , , , , , inode] = line.trim().split(/\s+/);
    if (other === remote && own?.endsWith(`:${port}`) === true && inode !== '0') return inode;
  }
  return undefined;
}

/** An IPv4 address in the byte order of the machine, which is little-endian wherever this runs. */
function kernelAddress(host: string, port: number): string {
  const bytes = host.split('.').map((part) => hex(Number(part), 2));
  return `${bytes.reverse().join('')}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

function pidOf(inode: string, pids: Iterable<number>): number | undefined {
  for (const pid of pids) {
    for (const descriptor of descriptorsOf(pid)) {
      if (linkOf(`/proc/${pid}/fd/${descriptor}`) === `socket:[${inode}]`) return pid;
    }
  }
  return undefined;
}

function descriptorsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    // The process has ended meanwhile.
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // The descriptor was closed meanwhile.
    return undefined;
  }
}
