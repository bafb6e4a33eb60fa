import { Button, type ButtonProps, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Failure } from './failure.tsx';

/** A button for what cannot be undone: the question and its consequence first, then the deed. */
export function ConfirmButton({
  label,
  question,
  consequence,
  onConfirm,
  ...props
}: {
  readonly label: string;
  readonly question: string;
  readonly consequence: string;
  readonly onConfirm: () => Promise<void>;
} & Pick<ButtonProps, 'color' | 'variant' | 'size' | 'disabled'>) {
  const { t } = useTranslation('ui');
  const [opened, { open, close }] = useDisclosure(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const confirm = (): void => {
    setBusy(true);
    setError(undefined);
    onConfirm()
      .then(close, setError)
      .finally(() => setBusy(false));
  };
  return (
    <>
      <Button {...props} onClick={open}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={question} closeButtonProps={{ 'aria-label': t('close') }}>
        <Stack>
          <Text>{consequence}</Text>
          {error === undefined ? null : <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close} disabled={busy}>
              {t('cancel')}
            </Button>
            <Button color={props.color} onClick={confirm} loading={busy}>
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
