import type { FastifyInstance, FastifyRequest } from 'fastify';
import { problemOf } from '../http/problem.ts';
import { sendError } from '../http/server.ts';
import type { Node } from '../node.ts';
import { addSubscriptions } from '../subscriptions/subscription-routes.ts';
import type { Subscriptions } from '../subscriptions/subscriptions.ts';
import { addBundles } from './bundles.ts';
import { formatOf, sendProblem } from './fhir-answer.ts';
import { addHistories } from './histories.ts';
import { addMetadata } from './metadata.ts';
import { addNotAllowed } from './not-allowed.ts';
import { addExportFiles } from './operations/export-files.ts';
import { addOperations } from './operations/operations.ts';
import { addProjections } from './projections/projections.ts';
import { addReads } from './reads.ts';
import { BODY_TYPES } from './request-body.ts';
import { addSearch } from './search.ts';
import { addTerminology } from './terminology.ts';
import { addValidate } from './validate.ts';
import { addWrites } from './writes.ts';

/** FHIR R4 of every organisation that the node hosts, below `/{org}/fhir/R4`: one `addX` for each concern. */
export function addFhirRoutes(app: FastifyInstance, node: Node, subscriptions: Subscriptions): void {
  // A scope of its own, where bodies stay the bytes that came: number literals must survive.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    const keep = (
      _request: FastifyRequest,
      body: string | Buffer,
      done: (error: null, body: string | Buffer) => void,
    ) => done(null, body);
    scope.addContentTypeParser([...BODY_TYPES], { parseAs: 'buffer' }, keep);
    // Before anything is done: who cannot read the answer is refused.
    scope.addHook('preHandler', async (request) => {
      formatOf(request);
    });
    scope.setErrorHandler((error, request, reply) => {
      const found = problemOf(error);
      return found.code === 'internal' ? sendError(error, request, reply) : sendProblem(reply, found);
    });
    addMetadata(scope, node);
    addOperations(scope, node);
    addProjections(scope, node);
    addSubscriptions(scope, node, subscriptions);
    addBundles(scope, node);
    addReads(scope, node);
    addSearch(scope, node);
    addWrites(scope, node);
    addHistories(scope, node);
    addNotAllowed(scope);
    addTerminology(scope, node);
    addValidate(scope, node);
  });
  addExportFiles(app, node);
}
