/** On loopback a machine listens there only; else on every address, for a DNS name may stand for several. */
export function listenHost(host: string): string {
  return host === 'localhost' || host.startsWith('127.') || host === '::1' ? '127.0.0.1' : '0.0.0.0';
}
