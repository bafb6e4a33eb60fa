import { notifications } from '@mantine/notifications';
import { useTranslation } from 'react-i18next';

/** Says that something was done, in a corner that a reader’s software speaks by itself. */
export function useSay(): (message: string) => void {
  const { t } = useTranslation('ui');
  return (message) => {
    notifications.show({ message, closeButtonProps: { 'aria-label': t('close') } });
  };
}
