import type { texts as en } from '../en/onboarding.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'hi'> = {
  title: 'इस उपकरण पर आपका रिकॉर्ड',
};
