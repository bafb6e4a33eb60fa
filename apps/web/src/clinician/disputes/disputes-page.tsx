import { Anchor, Blockquote, Button, Card, Group, Radio, Stack, Text, Textarea } from '@mantine/core';
import { ClientError } from '@salus/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useStaff } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { listOpenDisputes, type OpenDispute, sendDisputeAnswer } from './staff-disputes.ts';

const OUTCOMES = ['declined', 'amended'] as const;
const ANSWER_CHARS_MAX = 4_000;

/** What patients object to in records of this place, for whoever may see those records. */
export function StaffDisputesPage() {
  const { t } = useTranslation('disputes');
  const staff = useStaff();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['dispute', 'open', staff.id],
    queryFn: () => listOpenDisputes(staff),
  });
  return (
    <Page title={t('staff.title')} lead={t('staff.lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? <Empty text={t('staff.none')} /> : null}
      {data?.map((one) => (
        <OpenDisputeCard key={one.dispute} open={one} />
      ))}
    </Page>
  );
}

function OpenDisputeCard({ open }: { readonly open: OpenDispute }) {
  const { t } = useTranslation('disputes');
  const say = useSay();
  const terms = useTerms();
  const staff = useStaff();
  const client = useQueryClient();
  const [outcome, setOutcome] = useState<(typeof OUTCOMES)[number]>('declined');
  const [text, setText] = useState('');
  const [tried, setTried] = useState(false);
  const answer = useMutation({
    mutationFn: () => sendDisputeAnswer(staff, open, { outcome, text: text.trim() }),
    onSuccess: async () => {
      say(t('staff.sent'));
      await client.invalidateQueries({ queryKey: ['dispute'] });
    },
  });
  const about = t('staff.about', { type: terms.type(open.type), date: terms.moment(open.atMs) });
  const isUnamended = answer.error instanceof ClientError && answer.error.code === 'dispute-not-amended';
  return (
    <Card withBorder padding="md" component="article" aria-label={about}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (text.trim() !== '') answer.mutate();
        }}
      >
        <Stack gap="sm">
          <Group justify="space-between">
            <Text fw={600}>{about}</Text>
            {open.patient === null ? null : (
              <Anchor component={Link} to={`/clinician/patient/${open.patient}`}>
                {t('staff.open')}
              </Anchor>
            )}
          </Group>
          <Text size="sm">{t('staff.words')}</Text>
          <Blockquote p="sm">{open.text}</Blockquote>
          <Radio.Group
            label={t('staff.outcome')}
            description={t('staff.amendedHint')}
            value={outcome}
            onChange={(value) => setOutcome(value === 'amended' ? 'amended' : 'declined')}
          >
            <Stack gap={6} mt={6}>
              {OUTCOMES.map((one) => (
                <Radio key={one} value={one} label={t(`staff.outcomes.${one}`)} />
              ))}
            </Stack>
          </Radio.Group>
          <Textarea
            label={t('staff.answer')}
            autosize
            minRows={2}
            maxLength={ANSWER_CHARS_MAX}
            value={text}
            error={tried && text.trim() === '' ? t('staff.empty') : undefined}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
          />
          {answer.error === null ? null : (
            <Failure error={answer.error} {...(isUnamended ? { text: t('staff.notAmended') } : {})} />
          )}
          <Group>
            <Button type="submit" loading={answer.isPending}>
              {t('staff.send')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}
