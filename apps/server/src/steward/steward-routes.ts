import type { FastifyInstance } from 'fastify';
import type { Node } from '../node.ts';
import { addAuthenticityRoutes } from './authenticity.ts';
import { addInvitationRoutes } from './invitation-routes.ts';
import { addNodeStateRoutes } from './node-state.ts';
import { addStaffList } from './staff-list.ts';

/** What the stewards of a member need: its people and their certificates, the node's state, checks of the ledger. */
export function addStewardRoutes(app: FastifyInstance, node: Node): void {
  addStaffList(app, node);
  addInvitationRoutes(app, node);
  addAuthenticityRoutes(app, node);
  addNodeStateRoutes(app, node);
}
