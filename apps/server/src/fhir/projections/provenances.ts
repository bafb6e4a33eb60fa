import { type FhirTree, isResourceType, matchesFilter, type SearchRequest } from '@salus/fhir';
import type { StoredRecord, VaultCaller } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import * as schema from '../../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../../node.ts';
import { ServerError } from '../../server-error.ts';
import { callerOf, FHIR_ACCESS } from '../caller.ts';
import { describe, IN_BASE, type InPath } from '../describe.ts';
import { sendTree } from '../fhir-answer.ts';
import { provenanceOf, versionNamed } from './provenance-of.ts';

/** Targets of one search, and versions of each that it lists. */
const TARGETS_MAX = 20;
const VERSIONS_MAX = 100;

/** `Provenance/ledger-…`: what the ledger says of one version. Others are resources that somebody wrote. */
export function addProvenances(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Pick<InPath, 'org'> & { readonly ledgerId: string } }>({
    method: 'GET',
    url: '/:org/fhir/R4/Provenance/:ledgerId(^ledger-[0-9a-f]{32}-[0-9]{1,9}$)',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('What the ledger says of one version of a resource.', { ...IN_BASE, ledgerId: schema.fhirId }),
    handler: async (request, reply) => {
      const organisation = readHosted(node, request.params.org);
      const named = versionNamed(request.params.ledgerId);
      const record =
        named === undefined ? undefined : await organisation.vault.rows.findRecord(named.recordId, named.version);
      // What may not be seen is as unknown as none.
      const release = record && (await organisation.vault.repository.release(callerOf(node, request), record));
      if (record === undefined || release?.kind !== 'released') {
        throw new ServerError('not-found', 'There is no such resource.');
      }
      return sendTree(reply, await projectionOf(organisation, record));
    },
  });
}

/**
 * What the ledger says of the resources that a search for Provenance names as `target`, or of the Patient it names as
 * `patient`: these stand before what people wrote, on the first page.
 */
export async function ledgerProvenances(
  organisation: HostedOrganisation,
  caller: VaultCaller,
  request: SearchRequest | undefined,
): Promise<readonly FhirTree[]> {
  if (request?.type !== 'Provenance' || request.summary === 'count') return [];
  const { vault } = organisation;
  const found: FhirTree[] = [];
  for (const { type, id } of targetsOf(request).slice(0, TARGETS_MAX)) {
    const latest = await vault.rows.findResource(type, id);
    if (latest === undefined || (await vault.repository.release(caller, latest)).kind !== 'released') continue;
    for (let version = latest.version; version > Math.max(0, latest.version - VERSIONS_MAX); version -= 1) {
      const record = version === latest.version ? latest : await vault.rows.findRecord(latest.recordId, version);
      if (record === undefined) continue;
      const tree = await projectionOf(organisation, record);
      if (holds(tree, request, vault.clock())) found.push(tree);
    }
  }
  return found;
}

/** Targets that the first filter by target or patient names. */
function targetsOf({ filters }: SearchRequest): readonly { readonly type: string; readonly id: string }[] {
  for (const filter of filters) {
    if (filter.kind !== 'values' || filter.modifier !== undefined) continue;
    const { code } = filter.parameter;
    if (code !== 'target' && code !== 'patient') continue;
    return filter.alternatives.flatMap((value) => {
      if (value.kind !== 'reference') return [];
      const type = code === 'patient' ? 'Patient' : value.type;
      return isResourceType(type) ? [{ type, id: value.id }] : [];
    });
  }
  return [];
}

function holds(tree: FhirTree, { filters }: SearchRequest, nowMs: number): boolean {
  return filters.every(
    (filter) => (filter.kind === 'values' || filter.kind === 'missing') && matchesFilter(tree, filter, nowMs),
  );
}

async function projectionOf({ vault, slug, baseUrl }: HostedOrganisation, record: StoredRecord): Promise<FhirTree> {
  const committed = await vault.ledger.transaction(record.callId);
  const committedMs = committed?.timestampMs ?? record.meta.lastUpdatedMs;
  return provenanceOf(record, { organisation: slug, baseUrl, committedMs });
}
