import { Anchor, Stack, Text, Textarea, Title } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate } from 'react-router';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { ActForm } from './act-form.tsx';
import { useSession, useSignIn } from './session.ts';
import { Unlock } from './unlock.tsx';

/** The ways in: unlock what is here, or become somebody at this browser. */
export function StartPage() {
  const { t } = useTranslation('session');
  const { state } = useSession();
  switch (state.kind) {
    case 'starting':
      return <Loading />;
    case 'patient':
    case 'staff':
      return <Navigate to="/" replace />;
    case 'locked':
      return <Unlock who={state.who} />;
    case 'nobody':
      return (
        <Page title={t('title')} lead={t('lead')}>
          <PasteLine />
          <section aria-labelledby="as-staff">
            <Title order={2} size="h4" id="as-staff">
              {t('staff.title')}
            </Title>
            <Text>{t('staff.text')}</Text>
            <Anchor component={Link} to="/start/staff">
              {t('staff.link')}
            </Anchor>
          </section>
          <section aria-labelledby="as-patient">
            <Title order={2} size="h4" id="as-patient">
              {t('patient.title')}
            </Title>
            <Stack gap={4} align="flex-start">
              <Anchor component={Link} to="/patient/start">
                {t('patient.claim')}
              </Anchor>
              <Anchor component={Link} to="/patient/join">
                {t('patient.join')}
              </Anchor>
              <Anchor component={Link} to="/patient/recover">
                {t('patient.recover')}
              </Anchor>
            </Stack>
          </section>
        </Page>
      );
  }
}

function PasteLine() {
  const { t } = useTranslation('session');
  const { signInWithCode } = useSignIn();
  const [line, setLine] = useState('');
  return (
    <ActForm deed={() => signInWithCode(line)} button={t('signIn')} failed={t('code.failed')}>
      <Textarea
        label={t('code.label')}
        description={t('code.text')}
        value={line}
        onChange={({ currentTarget: { value } }) => setLine(value)}
        autosize
        minRows={2}
        maxRows={4}
        spellCheck={false}
        autoComplete="off"
        required
      />
    </ActForm>
  );
}
