import type { texts as en } from '../en/ui.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'hi'> = {
  loading: 'लोड हो रहा है …',
  close: 'बंद करें',
  cancel: 'रद्द करें',
  failure: {
    title: 'यह नहीं हो सका',
    text: 'कनेक्शन जाँचें और फिर कोशिश करें। फिर भी न हो, तो अस्पताल के सहायता केंद्र को यह कोड बताएँ।',
    code: 'कोड: {{code}}',
    retry: 'फिर कोशिश करें',
  },
  qr: {
    camera: 'कैमरे से QR कोड पढ़ें',
    stop: 'कैमरा बंद करें',
    picture: 'तस्वीर से QR कोड पढ़ें',
    read: 'कोड पढ़ लिया गया।',
    none: 'इस तस्वीर में कोई पढ़ने लायक QR कोड नहीं है।',
    noCamera: 'कैमरा इस्तेमाल नहीं हो सकता। तस्वीर चुनें या पाठ चिपकाएँ।',
    view: 'कैमरा जो देखता है',
  },
};
