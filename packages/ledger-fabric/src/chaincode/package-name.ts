/** `salus_<contracts version>-<SHA-256 of the bundle>`: the label of a package, before `:<SHA-256 of the package>` in its id. */
const PACKAGE_ID = /^salus_[0-9A-Za-z.+-]{1,64}-([0-9a-f]{64})(?::[0-9a-f]{64})?$/;
const VERSION = /^[0-9A-Za-z.+-]{1,64}-([0-9a-f]{64})$/;

/** The version of a chaincode definition. */
export function definitionVersion(contractsVersion: string, bundleSha256hex: string): string {
  return `${contractsVersion}-${bundleSha256hex}`;
}

/** The label of a package. */
export function packageLabel(contractsVersion: string, bundleSha256hex: string): string {
  return `salus_${definitionVersion(contractsVersion, bundleSha256hex)}`;
}

/** The bundle that a package id or label names. */
export function findBundleHash(packageId: string): string | undefined {
  return PACKAGE_ID.exec(packageId)?.[1];
}

/** The bundle that the version of a definition names. */
export function findDefinedBundle(version: string): string | undefined {
  return VERSION.exec(version)?.[1];
}
