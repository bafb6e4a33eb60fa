/** patient/act/<pid>/<call>: a guardian signed the call. Written by the runtime, so that no act is without it. */
export type ActFact = { readonly guardian: string; readonly transaction: string; readonly ms: number };

export const actKey = (pid: string, callId: string): string => `patient/act/${pid}/${callId}`;
