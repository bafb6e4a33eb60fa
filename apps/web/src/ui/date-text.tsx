import { useTranslation } from 'react-i18next';
import { dateFormat } from '../i18n/formats.ts';

/** A point in time in the reader's language; `value` is ISO 8601 or milliseconds since 1970. */
export function DateText({
  value,
  withTime = false,
}: {
  readonly value: string | number;
  readonly withTime?: boolean;
}) {
  const { i18n } = useTranslation('ui');
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return <span>{String(value)}</span>;
  const text = dateFormat(i18n.language, {
    dateStyle: 'medium',
    ...(withTime ? { timeStyle: 'short' } : {}),
  }).format(date);
  return <time dateTime={date.toISOString()}>{text}</time>;
}
