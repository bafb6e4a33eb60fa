import {
  execute,
  type Json,
  type Outcome,
  readPrivateOrganisation,
  type SignedCall,
  type Write,
} from '@salus/contracts';
import type { GatheredRuntime } from '../src/chaincode/gathered-run.ts';
import { findBundleHash } from '../src/chaincode/package-name.ts';
import { startService } from '../src/chaincode/service.ts';

/**
 * The chaincode service of an organisation that cheats: it says that it is the bundle which its package names, runs honest calls
 * as they are, and lets a "call" of the transaction `consent.forge`, which no contract has and nobody needs to sign, write
 * whatever its arguments say.
 */
const doctored: GatheredRuntime = {
  readPrivateOrganisation,
  execute: async (host, execution) => {
    const { payload } = execution.call as SignedCall;
    if (payload.transaction !== 'forge') return execute(host, execution);
    const callId = host.pure.callId(payload);
    const fact = { transaction: 'consent.grant', result: { forged: true } };
    const writes = [...(payload.args.writes as unknown as readonly Write[]), [`call/${callId}`, fact as Json] as const];
    return {
      kind: 'committed',
      callId,
      result: fact.result,
      writes: writes.sort(([left], [right]) => (left < right ? -1 : 1)),
      events: [],
      signer: payload.signer,
    } satisfies Outcome;
  },
};

const service = await startService({
  environment: process.env,
  runtime: doctored,
  bundleSha256hex: findBundleHash(process.env.CHAINCODE_ID ?? '') ?? '',
  clock: Date.now,
  log: (line) => process.stderr.write(`${line}\n`),
});
process.once('SIGTERM', () => void service[Symbol.asyncDispose]().then(() => process.exit(0)));
process.stdout.write('serving\n');
