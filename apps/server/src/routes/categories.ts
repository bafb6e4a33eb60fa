import { PAIRS } from '@salus/fhir';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import { category, flag, labelClass, list, object } from '../http/schemas.ts';

const LISTED_MAX = 256;
/** HL7 v3 Confidentiality: whatever else a label says is a sensitivity. */
const NORMAL = 'N';

/** Everything that a grant or a denial can name, so that no interface leaves a sensitive class out. */
export function addCategoryRoutes(app: FastifyInstance): void {
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/categories',
    access: { kind: 'public' },
    perMinute: 6_000,
    summary: 'All categories of records, and all label classes with whether they are sensitive.',
    answer: object({
      categories: list(category, LISTED_MAX),
      labelClasses: list(object({ code: labelClass, sensitive: flag }), LISTED_MAX),
    }),
    handle: async () => ({
      categories: [...new Set(PAIRS.map((pair) => pair.category))],
      labelClasses: [...new Set(PAIRS.map((pair) => pair.labelClass))].map((code) => ({
        code,
        sensitive: code !== NORMAL,
      })),
    }),
  });
}
