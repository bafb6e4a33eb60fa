import type { texts as en } from '../en/clinician.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'المرضى',
};
