import { Readable } from 'node:stream';
import { sightOf } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import * as schema from '../../http/schemas.ts';
import { type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { appOf, callerOf, FHIR_ACCESS } from '../caller.ts';
import { IN_BASE } from '../describe.ts';

const NDJSON_TYPE = 'application/fhir+ndjson';
const NAME = schema.matching('^[A-Z][A-Za-z]{1,63}[.][0-9]{1,6}[.]ndjson$', 80);

/** Files of exports: not of a FHIR format, so they stand apart from the routes that negotiate one. */
export function addExportFiles(app: FastifyInstance, node: Node): void {
  app.route<{ Params: { readonly org: string; readonly job: string; readonly file: string } }>({
    method: 'GET',
    url: '/:org/fhir/R4/$export-file/:job/:file',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: {
      summary: 'A file of an export; what the caller may not see any more is left out.',
      params: schema.object({ ...IN_BASE, job: schema.id, file: NAME }),
    },
    handler: async (request, reply) => {
      const { org, job: jobId, file: name } = request.params;
      const { vault, exports } = readHosted(node, org);
      const sight = sightOf(vault, callerOf(node, request));
      const job = await exports.find(sight.who, jobId, appOf(request));
      const file = job?.state.kind === 'complete' ? job.state.files.find((found) => found.name === name) : undefined;
      if (file === undefined) throw new ServerError('not-found', 'You have no such export file.');
      const pieces = exports.read(sight, file);
      // The first piece is decided before the answer begins, so that a refusal has its status.
      const first = await pieces.next();
      return reply.type(NDJSON_TYPE).send(Readable.from(chain(first, pieces), { objectMode: false }));
    },
  });
}

async function* chain(first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<Buffer> {
  // An empty piece would end the stream early.
  if (first.done !== true && first.value !== '') yield Buffer.from(first.value);
  for await (const piece of rest) if (piece !== '') yield Buffer.from(piece);
}
