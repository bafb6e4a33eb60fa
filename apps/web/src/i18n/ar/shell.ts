import type { texts as en } from '../en/shell.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'ar'> = {
  skip: 'انتقل إلى الصفحة',
  loading: 'جارٍ التحميل …',
  language: 'اللغة',
  signOut: 'تسجيل الخروج',
  navigation: {
    label: 'الرئيسية',
    open: 'افتح القائمة',
    close: 'أغلق القائمة',
    home: 'البداية',
    patientHome: 'صفحتي الرئيسية',
    record: 'سجلّي الصحي',
    access: 'من لديه إذن',
    visit: 'أحتاج إلى رعاية',
    clinician: 'المرضى',
    tasks: 'المهام',
    steward: 'الشبكة',
  },
  home: {
    title: 'سجلّك الصحي بين يديك',
    lead: 'تحتفظ المستشفيات بما كتبته. المفاتيح معك، وأنت تقرر من يقرأ.',
    patient: 'أنا مريض',
    patientText: 'استخدم القسيمة التي أعطاك إياها المستشفى، أو عُد إلى سجلّك.',
    patientStart: 'إلى سجلّي',
    staff: 'أعمل هنا',
    staffText: 'للعاملين في المستشفيات والمختبرات والصيدليات والشبكة.',
    staffSignIn: 'تسجيل الدخول',
  },
  notFound: {
    title: 'هذه الصفحة غير موجودة',
    text: 'قد يكون العنوان خاطئًا أو نُقلت الصفحة.',
    home: 'إلى صفحة البداية',
  },
  offline: {
    title: 'أنت غير متصل',
    text: 'يمكنك قراءة ما هو محفوظ على هذا الجهاز. كل ما عدا ذلك يعمل من جديد عند عودة الاتصال.',
  },
  patientHome: {
    title: 'صفحتي الرئيسية',
    record: 'سجلّي الصحي',
    recordText: 'الزيارات والنتائج والأدوية والوثائق من كل مستشفياتك.',
    access: 'من لديه إذن',
    accessText: 'من يمكنه القراءة، ومن يطلب، ومن اطّلع.',
    visit: 'أحتاج إلى رعاية',
    visitText: 'من السبب إلى الدواء، خطوة بخطوة.',
    devices: 'أجهزتي',
    devicesText: 'الاستعادة والأشخاص الموثوقون والأجهزة الأخرى.',
  },
};
