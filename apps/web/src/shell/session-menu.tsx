import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useSession } from '../session/session.ts';
import { useSessionActions } from '../session/session-provider.tsx';

export function SessionMenu() {
  const { t } = useTranslation('shell');
  const session = useSession();
  const { signOut } = useSessionActions();
  const navigate = useNavigate();
  if (session.kind === 'nobody') return null;
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
