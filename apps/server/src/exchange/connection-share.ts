import type { Server, Socket } from 'node:net';

/**
 * Closes a connection at once when its address holds that many already, so that no single host takes all of a server's
 * connections before it has shown who it is. Counts open connections only.
 */
export function shareConnections(server: Server, perAddressMax: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress: address } = socket;
    // Gone already: nothing to count, and its address is no longer known.
    if (address === undefined) return;
    const count = open.get(address) ?? 0;
    if (count >= perAddressMax) {
      socket.destroy();
      return;
    }
    open.set(address, count + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

/**
 * Lets one report through in each interval, with how many were left out since the one before: whoever can cause reports at will
 * fills no log with them.
 */
export function sampled(
  intervalMs: number,
  nowMs: () => number,
  report: (facts: object, omitted: number) => void,
): (facts: object) => void {
  let nextMs = Number.NEGATIVE_INFINITY;
  let omitted = 0;
  return (facts) => {
    const now = nowMs();
    if (now < nextMs) {
      omitted += 1;
      return;
    }
    report(facts, omitted);
    nextMs = now + intervalMs;
    omitted = 0;
  };
}
