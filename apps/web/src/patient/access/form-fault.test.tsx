import { MantineProvider } from '@mantine/core';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import { FormFault } from './form-fault.tsx';

const markupOf = (text: string | undefined): string =>
  renderToStaticMarkup(
    <MantineProvider>
      <FormFault text={text} />
    </MantineProvider>,
  );

it('is a region that is announced, and is there before anything is wrong', () => {
  expect(markupOf(undefined)).toMatch(/<p[^>]* role="status"[^>]*><\/p>/);
  expect(markupOf('The end lies in the past.')).toMatch(/<p[^>]* role="status"[^>]*>The end lies in the past\.<\/p>/);
});
