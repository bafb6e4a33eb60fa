import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useSession } from '../session/index.ts';

export function SessionMenu() {
  const { t } = useTranslation('shell');
  const { state, signOut } = useSession();
  const navigate = useNavigate();
  if (state.kind !== 'patient' && state.kind !== 'staff') return null;
  return (
    <Button
      size="xs"
      variant="default"
      onClick={() => {
        void signOut().then(() => navigate('/'));
      }}
    >
      {t('signOut')}
    </Button>
  );
}
