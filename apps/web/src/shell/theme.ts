import { createTheme, type MantineColorsTuple } from '@mantine/core';

/** A teal of our own; from shade 7 on, white text on it has a contrast of at least 5.5 : 1 (WCAG AA asks for 4.5). */
const salus: MantineColorsTuple = [
  '#e8f6f5',
  '#d3ebe9',
  '#a6d7d3',
  '#76c2bc',
  '#4fb0a9',
  '#2f9790',
  '#1a827c',
  '#0b6e6e',
  '#085a5a',
  '#044747',
];

export const theme = createTheme({
  colors: { salus },
  primaryColor: 'salus',
  primaryShade: 7,
  autoContrast: true,
  defaultRadius: 'md',
  cursorType: 'pointer',
  // The system's own fonts: no request, and each script of the world that the device can draw.
  fontFamily: 'system-ui, "Noto Sans", "Noto Sans Devanagari", "Noto Sans Arabic", sans-serif',
  headings: { fontWeight: '650' },
});
