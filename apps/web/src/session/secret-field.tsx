import { PasswordInput, type PasswordInputProps } from '@mantine/core';

/** A PIN, password or passphrase that must be given. */
export function SecretField({
  onChange,
  autoComplete = 'current-password',
  ...field
}: Pick<PasswordInputProps, 'label' | 'description' | 'value' | 'error' | 'inputMode'> & {
  readonly onChange: (value: string) => void;
  readonly autoComplete?: 'current-password' | 'new-password' | 'off';
}) {
  return (
    <PasswordInput
      {...field}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
      autoComplete={autoComplete}
      required
    />
  );
}
