import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What this node counts for Prometheus. No label names a person, a patient or a path with an id in it. */
export interface Metrics {
  readonly registry: Registry;
  readonly requestSeconds: Histogram<'method' | 'route' | 'status'>;
  readonly refusals: Counter<'code'>;
}

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** @param read gives the figures that exist already, when Prometheus asks. */
export function createMetrics(
  read: () => Promise<{ readonly ledgerHeight: number; readonly sessions: number; readonly alarms: number }>,
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requestSeconds = new Histogram({
    name: 'salus_request_seconds',
    help: 'Time from a request to its whole answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'salus_refusals_total',
    help: 'Requests refused, by code.',
    labelNames: ['code'],
    registers: [registry],
  });
  for (const [name, help, of] of [
    ['salus_ledger_height', 'Blocks of the ledger.', 'ledgerHeight'],
    ['salus_sessions', 'People logged in.', 'sessions'],
    ['salus_ledger_alarms', 'Transactions in blocks that should not be; what they wrote is not released.', 'alarms'],
  ] as const) {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        async collect() {
          this.set((await read())[of]);
        },
      }),
    );
  }
  return { registry, requestSeconds, refusals };
}
