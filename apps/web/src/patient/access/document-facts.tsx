import '../record/record.css';
import { Box } from '@mantine/core';
import type { FhirTree } from '@salus/fhir/parse';
import { Fragment } from 'react';
import { factsOf } from '../../fhir/facts.ts';
import { useFhirWords } from '../../fhir/use-fhir-words.ts';

/** What a document says, line by line. */
export function DocumentFacts({ resource }: { readonly resource: FhirTree }) {
  const words = useFhirWords();
  return (
    <Box component="dl" className="facts" mt="sm">
      {factsOf(resource, words).map(({ label, text }) => (
        <Fragment key={label}>
          <dt>{words.element(label)}</dt>
          <dd>
            <bdi>{text}</bdi>
          </dd>
        </Fragment>
      ))}
    </Box>
  );
}
