import type { FhirTree } from '@salus/fhir';
import { describe, expect, it } from 'vitest';
import { fitOf, gradeOf, phoneDigits, wordLikeness, wordsOf } from './patient-likeness.ts';

const jovanovic: FhirTree = {
  resourceType: 'Patient',
  id: 'p1',
  identifier: [{ system: 'urn:x', value: 'A-17' }],
  name: [{ family: 'Jovanović', given: ['Hana', 'Beatriz'] }],
  telecom: [{ system: 'phone', value: '+99 555 123456' }],
  birthDate: '1961-04-09',
};
const gradeBy = (name: string, rest: object = {}) => {
  const fit = fitOf({ words: wordsOf(name), ...rest }, jovanovic);
  return fit === undefined ? undefined : gradeOf(fit);
};

describe('how well a patient fits what was said', () => {
  it('is exact in any order, without case and accents', () => {
    expect(gradeBy('HANA jovanovic')).toBe('exact');
    expect(gradeBy('Jovanović, Hana Beatriz')).toBe('exact');
    expect(gradeBy('', { phone: phoneDigits('0099-555-123456') })).toBe('exact');
    expect(gradeBy('', { identifier: 'A-17' })).toBe('exact');
    expect(gradeBy('', { fhirId: 'p1' })).toBe('exact');
  });

  it.each(['Yovanovic Hana', 'Jovnaović Hana', 'Jovanovic Hanna', 'Jovan Han'])(
    'takes %s for a way to write the name',
    (name) => expect(gradeBy(name)).toBe('alike'),
  );

  it('takes a name as another language writes it for a remote one: it is asked again', () => {
    expect(gradeBy('Jovanowitsch')).toBe('remote');
    expect(gradeBy('Jovanovitch')).toBe('remote');
  });

  it('is nobody when one part contradicts', () => {
    expect(gradeBy('Jovanović Hideo')).toBeUndefined();
    expect(gradeBy('Jovanović', { birthDate: '1972-11-30' })).toBeUndefined();
    expect(gradeBy('Jovanović', { phone: '99555000000' })).toBeUndefined();
    expect(gradeBy('Jovanović', { identifier: 'A-18' })).toBeUndefined();
    expect(fitOf({ words: [] }, jovanovic)).toBeUndefined();
  });

  it('forgives a birth date with day and month exchanged or one digit wrong, and says so by its grade', () => {
    expect(gradeBy('Jovanović', { birthDate: '1961' })).toBe('exact');
    expect(gradeBy('Jovanović', { birthDate: '1961-09-04' })).toBe('alike');
    expect(gradeBy('Jovanović', { birthDate: '1961-04-08' })).toBe('alike');
  });

  it('orders the same before a beginning, that before a slip, a sound, two slips, and another word last', () => {
    const likenesses = [
      wordLikeness('ibanez', 'ibanez'),
      wordLikeness('iban', 'ibanez'),
      wordLikeness('ibanes', 'ibanez'),
      wordLikeness('fonteyn', 'fontaine'),
      wordLikeness('kumira', 'kimura'),
      wordLikeness('kimura', 'laurent'),
    ];
    expect(likenesses).toEqual([...likenesses].sort((a, b) => b - a));
    expect(likenesses.at(-1)).toBe(0);
  });
});
