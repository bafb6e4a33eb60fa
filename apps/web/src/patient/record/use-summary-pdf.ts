import { stringOf } from '@salus/fhir/parse';
import { useTranslation } from 'react-i18next';
import { nameOf } from '../../fhir/name.ts';
import { dateText } from '../../fhir/when.ts';
import { isLanguage, LANGUAGES } from '../../i18n/index.ts';
import { useTerms } from '../../ui/terms.ts';
import { canvasPainter } from './canvas-painter.ts';
import type { RecordEntry } from './record-entry.ts';
import { organisationsOf } from './selection.ts';
import { summaryPdf } from './summary-pdf.ts';
import { subjectOf, summaryLines } from './summary-sections.ts';

/** Makes the summary's PDF in the reader's language, with `fhirJson` attached. */
export function useSummaryPdf(): (
  entries: readonly RecordEntry[],
  about: { readonly fhirJson: string; readonly nowMs: number },
) => Promise<Uint8Array<ArrayBuffer>> {
  const { t, i18n } = useTranslation('record');
  const { place, list, date } = useTerms();
  const { language } = i18n;
  const direction = isLanguage(language) ? LANGUAGES[language].direction : 'ltr';
  return async (entries, { fhirJson, nowMs }) => {
    const subject = subjectOf(entries)?.resource;
    const born = stringOf(subject?.birthDate);
    const places = list(organisationsOf(entries).map(place));
    const bytes = await summaryPdf(
      {
        title: t('pdf.title'),
        about: [
          subject === undefined ? '' : (nameOf(subject) ?? ''),
          born === undefined ? '' : t('pdf.born', { date: dateText(born, language) }),
          t('pdf.made', { date: date(nowMs), places }),
        ].filter((line) => line !== ''),
        sections: summaryLines(entries, language).map(({ name, lines }) => ({
          title: t(`pdf.sections.${name}`),
          lines,
        })),
        foot: t('pdf.attached'),
        pageText: (page, pages) => t('pdf.page', { page, pages }),
        isRightToLeft: direction === 'rtl',
        language,
        fhirJson,
        madeMs: nowMs,
      },
      canvasPainter(direction),
    );
    return new Uint8Array(bytes);
  };
}
