import type { texts as en } from '../en/ui.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  loading: 'جارٍ التحميل …',
  close: 'إغلاق',
  cancel: 'إلغاء',
  failure: {
    title: 'لم ينجح ذلك',
    text: 'تحقّق من الاتصال وحاول من جديد. إن تكرر ذلك فأخبر مكتب المساعدة في المستشفى بالرمز.',
    code: 'الرمز: {{code}}',
    retry: 'حاول من جديد',
  },
};
