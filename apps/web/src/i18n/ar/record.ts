import type { texts as en } from '../en/record.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'سجلّي الصحي',
};
