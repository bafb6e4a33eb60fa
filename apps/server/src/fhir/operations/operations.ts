import type { FastifyInstance } from 'fastify';
import type { Node } from '../../node.ts';
import { addEverything } from './everything.ts';
import { addExport } from './export.ts';
import { addGraphql } from './graphql.ts';
import { addMatch } from './match.ts';
import { addProof } from './proof.ts';
import { addSummary } from './summary.ts';

/** The operations of the node's FHIR interface (`OPERATIONS`), but for those of validation and terminology. */
export function addOperations(app: FastifyInstance, node: Node): void {
  addEverything(app, node);
  addExport(app, node);
  addGraphql(app, node);
  addMatch(app, node);
  addSummary(app, node);
  addProof(app, node);
}
