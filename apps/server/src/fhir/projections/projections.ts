import type { FastifyInstance } from 'fastify';
import type { Node } from '../../node.ts';
import { addAuditEvents } from './audit-events.ts';
import { addConsents } from './consents.ts';
import { addProvenances } from './provenances.ts';

/** What the ledger and the audit log hold, shown as FHIR resources; nothing is stored for them. */
export function addProjections(app: FastifyInstance, node: Node): void {
  addAuditEvents(app, node);
  addConsents(app, node);
  addProvenances(app, node);
}
