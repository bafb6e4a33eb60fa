import type { texts as en } from '../en/visit.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'أحتاج إلى رعاية',
};
