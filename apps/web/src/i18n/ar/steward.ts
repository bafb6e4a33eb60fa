import type { texts as en } from '../en/steward.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'الشبكة',
};
