import type { texts as en } from '../en/fhir.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'hi'> = {
  unknown: 'अज्ञात',
};
