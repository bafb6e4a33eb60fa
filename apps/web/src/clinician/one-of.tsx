import { Chip, Group, Text } from '@mantine/core';
import { useId } from 'react';

/** One of a few, side by side where there is room and below each other where there is none. */
export function OneOf<Value extends string>({
  label,
  choices,
  value,
  onChange,
}: {
  readonly label: string;
  readonly choices: readonly { readonly value: Value; readonly label: string }[];
  readonly value: Value;
  readonly onChange: (value: Value) => void;
}) {
  const id = useId();
  const choose = (chosen: string | readonly string[]): void => {
    const found = choices.find((choice) => choice.value === chosen);
    if (found !== undefined) onChange(found.value);
  };
  return (
    <Chip.Group value={value} onChange={choose}>
      <Text size="sm" fw={500} id={id}>
        {label}
      </Text>
      <Group gap="xs" role="radiogroup" aria-labelledby={id}>
        {choices.map((choice) => (
          <Chip key={choice.value} value={choice.value} variant="outline">
            {choice.label}
          </Chip>
        ))}
      </Group>
    </Chip.Group>
  );
}
