import type { HomeAccess } from './care.ts';
import type { SightedMeta } from './sight.ts';
import type { Who } from './vault-types.ts';

const REGISTRAR_ROLE = 'registrar';

/**
 * Would this record, which the writer may add as a registrar, put its patient into the writer's own care? Whoever has the
 * patient in care without being a registrar opens nothing by it.
 */
export async function admitsThemselves(
  access: Pick<HomeAccess, 'decide' | 'listPractitioners'>,
  writer: Who & { readonly kind: 'member' },
  { meta, actors }: { readonly meta: SightedMeta; readonly actors: readonly string[] },
): Promise<boolean> {
  if (actors.length === 0) return false;
  const own = [writer.id, ...(await access.listPractitioners(writer.id))];
  if (!actors.some((actor) => own.includes(actor))) return false;
  const unregistering = { ...writer, roles: writer.roles.filter((role) => role !== REGISTRAR_ROLE) };
  return (await access.decide(unregistering, meta, 'c')).kind === 'denied';
}
