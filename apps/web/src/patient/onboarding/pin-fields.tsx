import { Stack } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { SecretField } from '../../session/secret-field.tsx';

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
  const differ = value.again !== '' && value.again !== value.pin;
  return (
    <Stack>
      <SecretField
        label={t('pin.label')}
        description={t('pin.text')}
        value={value.pin}
        onChange={(pin) => onChange({ ...value, pin })}
        autoComplete="new-password"
      />
      <SecretField
        label={t('pin.again')}
        value={value.again}
        error={differ ? t('pin.differ') : undefined}
        onChange={(again) => onChange({ ...value, again })}
        autoComplete="new-password"
      />
    </Stack>
  );
}
