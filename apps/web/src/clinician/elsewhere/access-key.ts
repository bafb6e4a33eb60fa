/** Begins with the kind of event after which it is read anew: an answer is an event of the request. */
export function accessKey(staffId: string, patient: string): readonly string[] {
  return ['request', 'access', staffId, patient];
}
