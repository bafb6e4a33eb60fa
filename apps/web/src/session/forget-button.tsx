import { useTranslation } from 'react-i18next';
import { ConfirmButton } from '../ui/confirm-button.tsx';
import { useSignIn } from './session.ts';

/** Removes what is kept of a person on this device, once they have said that they mean it. */
export function ForgetButton() {
  const { t } = useTranslation('session');
  const { forget } = useSignIn();
  return (
    <ConfirmButton
      label={t('forget.label')}
      question={t('forget.question')}
      consequence={t('forget.consequence')}
      variant="outline"
      color="red"
      onConfirm={forget}
    />
  );
}
