import type { texts as en } from '../en/apps.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'hi'> = {
  title: 'एक ऐप पूछता है',
  lead: 'ऐप आपको एक कोड दिखाता है और आपके उत्तर की प्रतीक्षा करता है।',
  code: 'उसके पन्ने का कोड',
  codeHint: 'आठ अक्षर और अंक, जैसे 4YQ2-8FWD।',
  codeBad: 'कोड में आठ अक्षर और अंक होते हैं।',
  find: 'देखें कि कौन पूछता है',
  asks: '{{app}}, {{place}} में यह पढ़ना चाहता है:',
  returns: 'यह आपको {{address}} पर वापस भेजता है।',
  allow: 'पढ़ने दें',
  decline: 'न पढ़ने दें',
  allowed: '{{app}} अब पढ़ सकता है। उसका पन्ना अपने आप आगे बढ़ता है।',
  declined: '{{app}} को मना किया गया।',
  revokeLater: 'आप इसे कभी भी “किसके पास पहुँच है” में समाप्त कर सकते हैं।',
};
