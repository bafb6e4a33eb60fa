import type { texts as en } from '../en/apps.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'تطبيق يطلب',
  lead: 'يعرض لك التطبيق رمزًا وينتظر جوابك.',
  code: 'الرمز على صفحته',
  codeHint: 'ثمانية أحرف وأرقام، مثل 4YQ2-8FWD.',
  codeBad: 'الرمز ثمانية أحرف وأرقام.',
  find: 'أظهر من يطلب',
  asks: '{{app}} يريد أن يقرأ في {{place}}:',
  returns: 'يعيدك إلى {{address}}.',
  allow: 'دعه يقرأ',
  decline: 'لا تدعه',
  allowed: 'يمكن لـ {{app}} القراءة الآن. وتتابع صفحته من تلقاء نفسها.',
  declined: 'رُفض {{app}}.',
  revokeLater: 'يمكنك إنهاؤه في أي وقت تحت «من لديه حق الاطلاع».',
};
