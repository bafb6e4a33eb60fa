import { describe, expect, it } from 'vitest';
import { isLanguage, languageOfBrowser } from './index.ts';

describe('the language of the first visit', () => {
  it('is the first of the browser’s that there is', () => {
    expect(languageOfBrowser(['fr-FR', 'ar-EG', 'en'])).toBe('ar');
    expect(languageOfBrowser(['hi'])).toBe('hi');
  });

  it('is English where there is none', () => {
    expect(languageOfBrowser(['fr', 'de'])).toBe('en');
    expect(languageOfBrowser([])).toBe('en');
  });

  it('is none of the names that every object has', () => {
    expect(isLanguage('constructor')).toBe(false);
  });
});
