import type { texts as en } from '../en/onboarding.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'سجلّك على هذا الجهاز',
};
