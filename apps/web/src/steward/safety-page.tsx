import { useTranslation } from 'react-i18next';
import { BackupSection } from './backup-section.tsx';
import { CheckSection } from './check-section.tsx';
import { CheckpointSection } from './checkpoint-section.tsx';
import { StewardPage } from './steward-frame.tsx';

/** Integrity checks, checkpoints and backups. */
export function SafetyPage() {
  const { t } = useTranslation('steward');
  return (
    <StewardPage title={t('sections.safety')} lead={t('safety.lead')} access="steward">
      <CheckSection />
      <CheckpointSection />
      <BackupSection />
    </StewardPage>
  );
}
