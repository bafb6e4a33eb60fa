import type { FastifyInstance } from 'fastify';
import type { Node } from '../node.ts';
import { addPatientAccess } from './access-route.ts';
import { addEmergencyLocate } from './emergency-locate-route.ts';
import { addPatientSearch } from './patient-search-route.ts';
import { addToday } from './today-route.ts';

/** What a clinician's day needs besides FHIR: finding people, and whom one sees today. */
export function addClinicRoutes(app: FastifyInstance, node: Node): void {
  addPatientSearch(app, node);
  addToday(app, node);
  addPatientAccess(app, node);
  addEmergencyLocate(app, node);
}
