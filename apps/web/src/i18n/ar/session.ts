import type { texts as en } from '../en/session.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'تسجيل الدخول',
};
