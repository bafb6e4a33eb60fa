/** The role of staff who govern their organisation's membership and vote for it. */
export const ADMINISTRATOR_ROLE = 'administrator';
/** Roles that may register patients and reissue their slips. */
export const REGISTERING_ROLES: readonly string[] = ['registrar', 'clinician', 'nurse', 'pharmacist', 'laboratory'];
/** Roles that may appoint who acts for a patient whose pid nobody has claimed. */
export const APPOINTING_ROLES: readonly string[] = ['registrar'];
/** Roles on whose behalf a node or client may write a patient's record. */
export const WRITING_ROLES: readonly string[] = ['clinician', 'nurse', 'pharmacist', 'laboratory', 'registrar'];
/** Roles that may ask for emergency access. */
export const CLINICAL_ROLES: readonly string[] = ['clinician', 'nurse', 'pharmacist'];
/** The role of a client (HL7 v2 feed, FHIR back end, importer) that writes records under its own name. */
export const FEED_ROLE = 'feed';

export function hasRole(roles: readonly string[], wanted: readonly string[]): boolean {
  return wanted.some((role) => roles.includes(role));
}
