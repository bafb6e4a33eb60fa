type X509 = typeof import('@peculiar/x509');

let loading: Promise<X509> | undefined;

/**
 * The X.509 library, which only issuers need: loaded at first use, so that neither a node's start nor a browser's entry
 * chunk pays for it. It wants `reflect-metadata` to be there before itself.
 */
export function loadX509(): Promise<X509> {
  loading ??= import('reflect-metadata').then(() => import('@peculiar/x509'));
  return loading;
}
