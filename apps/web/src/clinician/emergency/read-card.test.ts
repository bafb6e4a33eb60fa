import { describe, expect, it } from 'vitest';
import { readCard } from './read-card.ts';

const card = {
  version: 'salus:card:v1',
  network: 'n',
  organisation: 'hospital-a',
  pid: 'p',
  grant: 'g',
  terms: {},
  salt: 's',
  privateKey: 'k',
};

describe('an emergency card', () => {
  it('is read as the QR and as the file of the command line hold it', () => {
    expect(readCard(JSON.stringify(card))).toEqual(card);
    expect(readCard(` ${JSON.stringify({ card })}\n`)).toEqual(card);
  });

  it.each([
    ['', 'nothing'],
    ['{', 'half'],
    ['[]', 'a list'],
    [JSON.stringify({ ...card, version: 'salus:card:v9' }), 'another version'],
    [JSON.stringify({ ...card, privateKey: undefined }), 'a card without key'],
    [JSON.stringify({ ...card, terms: null }), 'a card without terms'],
    [`${JSON.stringify(card)}${' '.repeat(70_000)}`, 'something too long'],
  ])('is nothing of %s (%s)', (text) => expect(readCard(text)).toBeUndefined());
});
