import { Alert, Anchor, Stack, Text, Title } from '@mantine/core';
import type { HeldEmergency } from '@salus/client';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useSession } from '../../session/index.ts';
import { useTerms } from '../../ui/terms.ts';
import type { GrantsAt } from './access-queries.ts';

/** Who broke the glass: at once, with the end of it and what the review found. */
export function EmergencyList({ held }: { readonly held: readonly GrantsAt[] }) {
  const { t } = useTranslation('access');
  const all = held.flatMap(({ entry, emergencies }) => emergencies.map((emergency) => ({ entry, emergency })));
  return (
    <Stack component="section" aria-labelledby="emergencies" gap="sm">
      <Title order={2} size="h4" id="emergencies">
        {t('emergencies.title')}
      </Title>
      {all.length === 0 ? <Text>{t('emergencies.none')}</Text> : null}
      {all.map(({ entry, emergency }) => (
        <Emergency key={emergency.request} place={entry.organisation} emergency={emergency} />
      ))}
    </Stack>
  );
}

function Emergency({ place, emergency }: { readonly place: string; readonly emergency: HeldEmergency }) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const { nowMs } = useSession();
  const { untilMs, outcome } = emergency.fact;
  const running = untilMs > nowMs();
  const words = { place: terms.place(place), date: terms.moment(untilMs) };
  return (
    <Alert color={running ? 'red' : 'gray'} variant="outline">
      <Text fw={600}>{t(running ? 'emergencies.running' : 'emergencies.ended', words)}</Text>
      <Text size="sm">{t(`emergencies.${reviewOf(outcome)}`)}</Text>
      <Anchor component={Link} to={`/patient/access/log?place=${encodeURIComponent(place)}`}>
        {t('emergencies.see')}
      </Anchor>
    </Alert>
  );
}

function reviewOf(outcome: string | undefined): 'open' | 'justified' | 'unjustified' {
  if (outcome === undefined) return 'open';
  return outcome === 'justified' ? 'justified' : 'unjustified';
}
