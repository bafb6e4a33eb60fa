import { NativeSelect, useDirection } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { isLanguage, LANGUAGES, speak } from '../i18n/index.ts';

/** The languages by their own names; the page turns round for those that are read from the right. */
export function LanguageSwitch() {
  const { t, i18n } = useTranslation('shell');
  const { setDirection } = useDirection();
  return (
    <NativeSelect
      aria-label={t('language')}
      size="xs"
      value={i18n.language}
      data={Object.entries(LANGUAGES).map(([value, { name }]) => ({ value, label: name }))}
      onChange={({ currentTarget: { value } }) => {
        if (!isLanguage(value)) return;
        void speak(value).then(() => setDirection(LANGUAGES[value].direction));
      }}
    />
  );
}
