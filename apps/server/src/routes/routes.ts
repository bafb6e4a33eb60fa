import type { FastifyInstance } from 'fastify';
import { addClinicRoutes } from '../clinic/clinic-routes.ts';
import { addFhirRoutes } from '../fhir/fhir-routes.ts';
import { addHealthLinkRoutes } from '../health-links/health-link-routes.ts';
import { addHl7Routes } from '../hl7/hl7-routes.ts';
import { addIncidentRoutes } from '../incidents/incident-routes.ts';
import type { Metrics } from '../metrics.ts';
import type { Node } from '../node.ts';
import { addAppRoutes } from '../smart/app-routes.ts';
import { addDelegationRoutes } from '../smart/delegation-routes.ts';
import { addLetInRoutes } from '../smart/let-in-routes.ts';
import { addOauthRoutes } from '../smart/oauth-routes.ts';
import type { SmartServers } from '../smart/smart-server.ts';
import { addStewardRoutes } from '../steward/steward-routes.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { addVisitRoutes } from '../visit/visit-routes.ts';
import { addAlarmRoutes } from './alarms.ts';
import { addAuthRoutes } from './auth.ts';
import { addBackupRoutes } from './backups.ts';
import { addBinaryRoutes } from './binary.ts';
import { addCallRoutes } from './calls.ts';
import { addCategoryRoutes } from './categories.ts';
import { addDisputeRoutes } from './disputes.ts';
import { addEmergencyRoutes } from './emergencies.ts';
import { addEventRoutes } from './events.ts';
import { addGuardianRoutes } from './guardians.ts';
import { addHeights } from './height.ts';
import { addKeptRoutes } from './kept.ts';
import { addLedgerRoutes } from './ledger.ts';
import { addMergeRoutes } from './merges.ts';
import { addPatientRoutes } from './patient.ts';
import { addPatientRecordRoutes } from './patient-records.ts';
import { addPatientTokens, addTokensHandedOn } from './patient-tokens.ts';
import { addPlaceRoutes } from './places.ts';
import { addPublicRoutes } from './public.ts';
import { addReaderRoutes } from './reader.ts';
import { addReadRoutes } from './reads.ts';
import { addReleaseRoutes } from './releases.ts';
import { addStaffRoutes } from './staff.ts';

/** The whole API of a node; docs and tests read it back from /api/v1/openapi.json. */
export function addRoutes(
  app: FastifyInstance,
  node: Node,
  {
    metrics,
    smart,
    subscriptions,
  }: { readonly metrics: Metrics; readonly smart: SmartServers; readonly subscriptions: Subscriptions },
): void {
  addHeights(app, node.ledger);
  addPublicRoutes(app, node, metrics);
  addReleaseRoutes(app, node);
  addAuthRoutes(app, node);
  addEventRoutes(app, node);
  addCallRoutes(app, node);
  addLedgerRoutes(app, node);
  addAlarmRoutes(app, node);
  addStaffRoutes(app, node);
  addPatientRoutes(app, node);
  addPatientTokens(app, node);
  addTokensHandedOn(app, node);
  addPatientRecordRoutes(app, node);
  addCategoryRoutes(app);
  addGuardianRoutes(app, node);
  addDisputeRoutes(app, node);
  addPlaceRoutes(app, node);
  addEmergencyRoutes(app, node);
  addIncidentRoutes(app, node);
  addHealthLinkRoutes(app, node);
  addReaderRoutes(app, node);
  addReadRoutes(app, node);
  addClinicRoutes(app, node);
  addKeptRoutes(app, node);
  addFhirRoutes(app, node, subscriptions);
  addBinaryRoutes(app, node);
  addBackupRoutes(app, node);
  addStewardRoutes(app, node);
  addHl7Routes(app, node);
  addMergeRoutes(app, node);
  addVisitRoutes(app, node);
  addOauthRoutes(app, node, smart);
  addAppRoutes(app, node, smart);
  addLetInRoutes(app, node, smart);
  addDelegationRoutes(app, node, smart);
}
