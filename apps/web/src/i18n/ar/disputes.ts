import type { texts as en } from '../en/disputes.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  title: 'التصحيحات',
  lead: 'إن كان في سجلك خطأ فقل ذلك. تُوقَّع كلماتك وترافق المستند أينما ذهب، ويجيب كاتبه أو يصححه.',
  none: 'لم تعترض على شيء.',
  add: 'اعترض على مستند',
  document: 'أي مستند',
  chosen: 'المستند',
  text: 'ما الخطأ',
  textHint: 'حتى 4000 حرف. من يقرأ المستند يقرأ هذا أيضًا.',
  tooLong: '4000 حرف على الأكثر.',
  empty: 'قل ما الخطأ.',
  noDocument: 'اختر مستندًا.',
  sign: 'وقّع وأرسل',
  sent: 'أُرسل. يبقى إلى جانب المستند من الآن.',
  status: { open: 'ينتظر جوابًا', amended: 'صُحّح', declined: 'أُجيب ولم يُغيَّر', withdrawn: 'سحبتَه' },
  yourWords: 'كلماتك',
  answer: 'الجواب',
  at: '{{type}} في {{place}}، {{date}}',
  withdraw: 'اسحبه',
  withdrawWhat: 'اسحب الاعتراض على {{what}}',
  withdrawAsk: 'هل تسحب اعتراضك؟',
  withdrawn: 'سُحب. ويبقى ظاهرًا أنه قُدّم.',
  proof: 'في السجل المشترك منذ {{date}}.',
};
