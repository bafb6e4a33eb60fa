/** Read anew after an answer, and after each of the grants that come with it. */
export function accessKey(staffId: string, patient: string): readonly string[] {
  return ['elsewhere', staffId, patient];
}
