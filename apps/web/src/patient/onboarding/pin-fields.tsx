import { PasswordInput, Stack } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** A new PIN, typed twice. */
export interface TypedPin {
  readonly pin: string;
  readonly again: string;
}

export const NO_PIN: TypedPin = { pin: '', again: '' };

export function isPinTwice({ pin, again }: TypedPin): boolean {
  return pin !== '' && pin === again;
}

export function PinFields({
  value,
  onChange,
}: {
  readonly value: TypedPin;
  readonly onChange: (value: TypedPin) => void;
}) {
  const { t } = useTranslation('onboarding');
  const differ = value.again !== '' && value.again !== value.pin ? { error: t('pin.differ') } : {};
  return (
    <Stack>
      <PasswordInput
        label={t('pin.label')}
        description={t('pin.text')}
        value={value.pin}
        onChange={({ currentTarget }) => onChange({ ...value, pin: currentTarget.value })}
        autoComplete="new-password"
        required
      />
      <PasswordInput
        label={t('pin.again')}
        value={value.again}
        onChange={({ currentTarget }) => onChange({ ...value, again: currentTarget.value })}
        autoComplete="new-password"
        required
        {...differ}
      />
    </Stack>
  );
}
