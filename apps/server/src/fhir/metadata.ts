import { readFileSync } from 'node:fs';
import { type FhirTree, stringifyFhirJson } from '@salus/fhir';
import type { FastifyInstance } from 'fastify';
import { type Node, readHosted } from '../node.ts';
import { capabilityStatement } from './capability-statement.ts';
import { describe, IN_BASE, type InPath } from './describe.ts';
import { sendText } from './fhir-answer.ts';

const PACKAGE = new URL('../../package.json', import.meta.url);

/** `GET [base]/metadata` (R4 §3.1.0.6): public, since it tells nothing of anybody. */
export function addMetadata(app: FastifyInstance, node: Node): void {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { readonly version: string };
  const dateMs = node.nowMs();
  const texts = new Map<string, string>();
  app.route<{ Params: Pick<InPath, 'org'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/metadata',
    config: { access: { kind: 'public' }, fhir: true },
    schema: describe('What this base can do: its CapabilityStatement.', IN_BASE),
    handler: async (request, reply) => {
      const { slug, baseUrl } = readHosted(node, request.params.org);
      let text = texts.get(slug);
      if (text === undefined) {
        const made: FhirTree = capabilityStatement({ baseUrl, organisation: slug, version, dateMs });
        text = stringifyFhirJson(made);
        texts.set(slug, text);
      }
      return sendText(reply, text);
    },
  });
}
