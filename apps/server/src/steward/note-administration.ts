import type { FastifyRequest } from 'fastify';
import { memberOf, type Node, readHosted } from '../node.ts';

/** What a session of staff did that is about no patient, in the organisation's audit log, before what came of it leaves. `what` names no person. */
export async function noteAdministration(
  node: Node,
  about: { readonly org: string; readonly request: FastifyRequest; readonly what: string },
): Promise<void> {
  const { vault } = readHosted(node, about.org);
  await vault.audit.append({
    ...{ kind: 'registration', atMs: vault.clock(), pid: null, who: memberOf(about.request), purpose: 'HOPERAT' },
    ...{ grant: null, session: null, records: [], outcome: 'ok', request: null, query: about.what },
  });
}
