import i18next, { type BackendModule } from 'i18next';
import { initReactI18next } from 'react-i18next';
import type { Catalogues } from './catalogues.ts';
import { texts as shell } from './en/shell.ts';
import { texts as ui } from './en/ui.ts';

export const LANGUAGES = {
  en: { name: 'English', direction: 'ltr' },
  hi: { name: 'हिन्दी', direction: 'ltr' },
  ar: { name: 'العربية', direction: 'rtl' },
} as const;

export type Language = keyof typeof LANGUAGES;

const FALLBACK: Language = 'en';
const REMEMBERED_AS = 'salus.language';

type CatalogueModule = { readonly texts: Catalogues[keyof Catalogues] };
const files = import.meta.glob<CatalogueModule>(['./{en,hi,ar}/*.ts', '!./en/{shell,ui}.ts']);

/** A catalogue is fetched when a page first needs it. */
const catalogues: BackendModule = {
  type: 'backend',
  init: () => undefined,
  read: async (language: string, area: string) => {
    const load = files[`./${language}/${area}.ts`];
    if (load === undefined) throw new Error(`There is no catalogue ${language}/${area}.`);
    return (await load()).texts;
  },
};

export function isLanguage(value: string): value is Language {
  return Object.hasOwn(LANGUAGES, value);
}

/** Speaks the language of the last time, else the browser's, else English; answers the direction of writing. */
export async function startLanguages(): Promise<'ltr' | 'rtl'> {
  const language = rememberedLanguage() ?? languageOfBrowser(navigator.languages);
  await i18next
    .use(catalogues)
    .use(initReactI18next)
    .init({
      lng: language,
      fallbackLng: FALLBACK,
      supportedLngs: Object.keys(LANGUAGES),
      ns: ['shell', 'ui'],
      // What stands around every page, in the language that all others fall back on, comes with the app itself.
      resources: { [FALLBACK]: { shell, ui } },
      partialBundledLanguages: true,
      defaultNS: 'shell',
      // React escapes what it writes.
      interpolation: { escapeValue: false },
      returnNull: false,
    });
  markPage(language);
  return LANGUAGES[language].direction;
}

export async function speak(language: Language): Promise<void> {
  await i18next.changeLanguage(language);
  localStorage.setItem(REMEMBERED_AS, language);
  markPage(language);
}

/** The first of the browser's languages that there is. */
export function languageOfBrowser(wanted: readonly string[]): Language {
  return wanted.map((tag) => tag.split('-', 1)[0] ?? '').find(isLanguage) ?? FALLBACK;
}

function rememberedLanguage(): Language | undefined {
  const language = localStorage.getItem(REMEMBERED_AS);
  return language !== null && isLanguage(language) ? language : undefined;
}

function markPage(language: Language): void {
  document.documentElement.lang = language;
  document.documentElement.dir = LANGUAGES[language].direction;
}
