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
  qr: {
    camera: 'اقرأ رمز QR بالكاميرا',
    stop: 'أوقف الكاميرا',
    picture: 'اقرأ رمز QR من صورة',
    read: 'قُرئ الرمز.',
    none: 'لا يوجد رمز QR مقروء في هذه الصورة.',
    noCamera: 'لا يمكن استخدام الكاميرا. اختر صورة أو الصق النص.',
    view: 'ما تراه الكاميرا',
  },
};
