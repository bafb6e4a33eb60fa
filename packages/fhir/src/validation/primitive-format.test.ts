import { describe, expect, it } from 'vitest';
import { formatFault, isBase64 } from './primitive-format.ts';

const UUID = 'urn:uuid:0c6a4a3e-0000-4000-8000-000000000001';

describe('formatFault', () => {
  it.each([
    ['date', '2020', '2020-02', '2020-02-29'],
    ['dateTime', '2020', '2020-02-29', '2020-02-29T23:59:60Z', '2020-02-29T00:00:00.123+14:00'],
    ['instant', '2020-02-29T00:00:00Z'],
    ['time', '23:59:59', '00:00:00.5'],
    ['code', 'a', 'a b'],
    ['id', 'a-b.C1'],
    ['base64Binary', 'AAAA', 'AA\nA='],
    ['uri', 'http://a.example/b', UUID, 'urn:oid:1.2.840.113619.2', 'relative'],
    ['canonical', 'http://a.example/b|1', '#a', `${UUID}|1`],
    ['oid', 'urn:oid:2.16.840.1.113883'],
    ['uuid', UUID],
    ['string', ' ', 'a\nb'],
    ['integer', -2147483648, 2147483647],
    ['unsignedInt', 0],
    ['positiveInt', 1],
    ['decimal', -1.5, JSON.rawJSON('1.50')],
  ])('accepts %s', (type, ...values) => {
    for (const value of values) expect(formatFault(type as string, value), JSON.stringify(value)).toBeUndefined();
  });

  it.each([
    ['date', '2020-13', '2021-02-29', '20200101', '0000', '2020-01-01T00:00:00Z', 'x'],
    ['dateTime', '2020-01-01T00:00:00', '2020-01-01T24:00:00Z', '2020-01-01T00:00Z', '2020-04-31T00:00:00Z'],
    ['instant', '2020', '2020-01-01', '2020-01-01T00:00:00'],
    ['time', '24:00:00', '10:00', '10:00:00Z'],
    ['code', ' a', 'a ', 'a  b', 'a\tb'],
    ['id', 'a_b', 'ä', 'x'.repeat(65)],
    ['base64Binary', 'A', 'AAA*', 'A=AA'],
    [
      'uri',
      'http://a.example/ b',
      'oid:1.2.3',
      'uuid:1',
      'urn:uuid:1',
      UUID.toUpperCase().replace('URN:UUID', 'urn:uuid'),
      'urn:oid:3.1',
      'urn:oid:1.02',
    ],
    ['canonical', 'relative/x'],
    ['oid', '1.2.3'],
    ['uuid', '0c6a4a3e-0000-4000-8000-00000000000A'],
    ['string', 'x'.repeat(1_048_577)],
    ['integer', 2147483648],
    ['unsignedInt', -1],
    ['positiveInt', 0],
    ['decimal', JSON.rawJSON('1e999')],
  ])('refuses %s', (type, ...values) => {
    for (const value of values)
      expect(formatFault(type as string, value), JSON.stringify(value).slice(0, 50)).toBeDefined();
  });
});

describe('isBase64', () => {
  it('counts characters without white space', () => {
    expect([isBase64('QUJD'), isBase64('QU JD'), isBase64('QUJ'), isBase64('QUJDRA==')]).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });
});
