import type { Node } from '../../node.ts';
import { type AppRecall, type Requester, recall } from '../../subscriptions/requester.ts';
import { parseTypeFilters, type TypeFilter } from './type-filter.ts';

/**
 * Lets exports that the end of the last process cut off go on, each with what who asked may see now: an app as long as its
 * authorisation stands, people as long as the ledger has them. Resolves when as many as may have begun.
 */
export async function resumeExports(node: Pick<Node, 'organisations'>, recallApp: AppRecall): Promise<void> {
  for (const organisation of node.organisations.values()) {
    await organisation.exports.resume({
      // What `kickOff` gave the job.
      sight: async ({ requester }) => (await recall(organisation, requester as unknown as Requester, recallApp))?.sight,
      filters: ({ typeFilters }) => parseTypeFilters(typeFilters as readonly TypeFilter[]),
    });
  }
}
