import { Alert, Badge, Button, Card, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useTranslation } from 'react-i18next';
import { useTerms } from '../../ui/terms.ts';
import { shortId } from './grant-words.ts';
import { LineProof } from './line-proof.tsx';
import type { Checking, ShownLine } from './log-lines.ts';
import { actorOf, deedOf, type KeyOf } from './log-words.ts';

const COLOURS = { proven: 'salus', told: 'gray', pending: 'gray', wrong: 'red' } as const;

/** One line in words, with whether this device could prove it, and the proof on demand. */
export function LogLine({
  shown,
  place,
  checking,
  keyOf,
}: {
  readonly shown: ShownLine;
  readonly place: string;
  readonly checking: Checking;
  readonly keyOf: KeyOf;
}) {
  const { t } = useTranslation('log');
  const terms = useTerms();
  const [opened, { open, close }] = useDisclosure(false);
  const { event, state, gap, line } = shown;
  return (
    <li>
      {gap ? (
        <Alert color="red" variant="outline" role="alert" mb="xs">
          {t('proof.gap')}
        </Alert>
      ) : null}
      <Card withBorder padding="sm">
        <Group justify="space-between" align="flex-start">
          <Text size="sm">{event === undefined ? '–' : terms.moment(event.atMs)}</Text>
          <Badge
            color={COLOURS[state]}
            variant={state === 'proven' ? 'light' : 'filled'}
            c={state === 'proven' ? 'salus.9' : undefined}
          >
            {t(`proof.${state}`)}
          </Badge>
        </Group>
        {event === undefined ? null : (
          <>
            <Text>
              <strong>{actorOf(t, terms, event, keyOf)}</strong> {deedOf(t, event)}
              {event.outcome === 'ok' ? '' : ` (${t('refused')})`}
            </Text>
            <Text size="sm">
              {event.purpose === null ? '' : `${t('why')}: ${terms.purpose(event.purpose)}. `}
              {event.who?.kind === 'member' ? <PersonNumber id={event.who.id} /> : null}
            </Text>
          </>
        )}
        <Group mt="xs">
          <Button
            size="compact-sm"
            variant="default"
            onClick={open}
            aria-label={t('proof.checkWhat', { line: line.pidSeq ?? line.seq })}
          >
            {t('proof.check')}
          </Button>
        </Group>
      </Card>
      {opened ? <LineProof shown={shown} place={place} checking={checking} onClose={close} /> : null}
    </li>
  );
}

function PersonNumber({ id }: { readonly id: string }) {
  const { t } = useTranslation('log');
  return <span title={id}>{t('number', { id: shortId(id) })}</span>;
}
