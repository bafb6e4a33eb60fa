import { describe, expect, it } from 'vitest';
import { type LinkKind, rewriteLinks } from './links.ts';
import { parseFhirJson } from './parse-json.ts';
import { stringifyFhirJson } from './tree.ts';

const URN = 'urn:uuid:11111111-1111-4111-8111-111111111111';
const links = new Map([[URN, 'Patient/new']]);
const replace = (link: string) => links.get(link);

describe('rewriteLinks', () => {
  it('rewrites references, uris, urls, oids, uuids and narrative links, wherever they stand', () => {
    const text = `{"resourceType":"Observation","text":{"status":"generated","div":"<div><a href=\\"${URN}\\">x</a> ${URN} <img src='${URN}'/></div>"},
      "contained":[{"resourceType":"Specimen","subject":{"reference":"${URN}"}}],
      "extension":[{"url":"http://a.example","valueUri":"${URN}"},{"url":"http://b.example","valueUrl":"${URN}"},{"url":"http://c.example","valueUuid":"${URN}"},{"url":"http://d.example","valueReference":{"reference":"${URN}"}}],
      "_status":{"extension":[{"url":"http://e.example","valueOid":"${URN}"}]},
      "identifier":[{"system":"${URN}"}],"subject":{"reference":"${URN}"},"performer":[{"reference":"Practitioner/1"},{"reference":"${URN}"}]}`;
    const result = stringifyFhirJson(rewriteLinks(parseFhirJson(text), replace));
    expect(result.split('Patient/new').length - 1).toBe(11);
    expect(result.split(URN).length - 1).toBe(1);
    expect(result).toContain(`<a href=\\"Patient/new\\">x</a> ${URN} <img src=\\"Patient/new\\"/>`);
  });

  it('leaves canonicals, strings, codes and what only contains a link', () => {
    const text = stringifyFhirJson({
      resourceType: 'QuestionnaireResponse',
      questionnaire: URN,
      identifier: { system: 'urn:ietf:rfc:3986', value: URN },
      subject: { display: URN, reference: `${URN}#x`, identifier: { value: URN } },
      item: [{ linkId: URN, answer: [{ valueString: URN }] }],
    });
    const tree = parseFhirJson(text);
    expect(rewriteLinks(tree, replace)).toBe(tree);
  });

  it('keeps number literals and every untouched object', () => {
    const tree = parseFhirJson(
      `{"resourceType":"Observation","subject":{"reference":"${URN}"},"valueQuantity":{"value":0.010},"code":{"text":"x"}}`,
    );
    const result = rewriteLinks(tree, replace);
    expect(stringifyFhirJson(result)).toBe(stringifyFhirJson(tree).replace(URN, 'Patient/new'));
    expect(result.code).toBe(tree.code);
    expect(stringifyFhirJson(tree)).toContain(URN);
  });

  it('says what kind of link it found', () => {
    const seen: [string, LinkKind][] = [];
    const tree = {
      resourceType: 'Basic',
      implicitRules: 'a',
      text: { status: 'generated', div: '<div><a href="b">x</a></div>' },
      subject: { reference: 'c' },
      code: { coding: [{ system: 'd', code: 'e' }] },
    };
    rewriteLinks(tree, (link, kind) => {
      seen.push([link, kind]);
      return undefined;
    });
    expect(seen).toEqual([
      ['a', 'uri'],
      ['b', 'narrative'],
      ['c', 'reference'],
      ['d', 'uri'],
    ]);
  });

  it('passes over JSON that fits no definition', () => {
    for (const tree of [
      { resourceType: 'Nobody', subject: { reference: URN } },
      {
        resourceType: 'Observation',
        subject: URN,
        performer: [null, 1, [URN]],
        constructor: { reference: URN },
        contained: [1, null, {}],
      },
      {},
    ]) {
      expect(rewriteLinks(tree, replace)).toBe(tree);
    }
  });
});
