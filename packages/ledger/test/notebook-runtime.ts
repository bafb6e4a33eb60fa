/** What `runtimeModule` of `verifyLedger` names in tests. */
export { notebook as runtime } from './notebook.ts';
