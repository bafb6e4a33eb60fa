import type { texts as en } from '../en/record.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'hi'> = {
  title: 'मेरा स्वास्थ्य रिकॉर्ड',
};
