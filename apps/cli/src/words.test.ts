import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDesk } from './acceptance/desk.ts';
import { markIds, unmark } from './words.ts';

const DASHED = '-hYcil-mdDy-EcSgTFCwTw';

describe('ids that begin with a dash', () => {
  it('are taken for what they are, as a word and as the value of an option', async () => {
    using desk = openDesk();
    for (const words of [
      ['revoke', DASHED],
      ['records', '--grant', DASHED],
      ['revoke', `-${DASHED.slice(0, 21)}`],
    ]) {
      const { stderr } = await desk.salus(...words);
      expect(stderr).not.toContain('unknown option');
      expect(stderr).toContain('wallet-not-named');
    }
  });

  it('come back as they were given, whatever else is on the command line', () => {
    const program = new Command().option('--json').option('--grant <id>');
    const character = fc.constantFrom(...'abYZ09_-');
    const dashed = fc.string({ unit: character, minLength: 21, maxLength: 21 }).map((rest) => `-${rest}`);
    const word = fc.oneof(dashed, fc.constantFrom('--json', '--grant', 'revoke', '-h', 'a b'));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(unmark(markIds(words, program))).toEqual(words);
        expect(markIds(['--json', '-h'], program)).toEqual(['--json', '-h']);
      }),
    );
  });
});
