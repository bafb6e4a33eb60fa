import type { texts as en } from '../en/visit.ts';
import type { Texts } from '../texts.ts';

export const texts: Texts<typeof en, 'hi'> = {
  title: 'मुझे इलाज चाहिए',
};
