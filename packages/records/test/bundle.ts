/** A transaction bundle of resources; `id` is used for references between them as `urn:uuid:<id>`. */
export function bundleOf(resources: readonly { readonly [name: string]: unknown }[]): string {
  const entry = resources.map(({ id, ...resource }) => ({
    ...(id === undefined ? {} : { fullUrl: `urn:uuid:${id as string}` }),
    resource,
    request: { method: 'POST', url: resource.resourceType },
  }));
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}
