import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  CATEGORIES,
  CATEGORY_TABLE_VERSION,
  isCategory,
  isLabelClass,
  LABEL_CLASSES,
  PAIRS,
  pairIndex,
} from './categories.ts';

describe('the category table', () => {
  it('is frozen: order and version change together, and only at the end', () => {
    const order = createHash('sha256').update(JSON.stringify(PAIRS)).digest('hex').slice(0, 16);
    expect({ version: CATEGORY_TABLE_VERSION, pairs: PAIRS.length, order }).toMatchInlineSnapshot(`
      {
        "order": "605390da36caab70",
        "pairs": 224,
        "version": 1,
      }
    `);
  });

  it('numbers every pair once', () => {
    expect(PAIRS).toHaveLength(CATEGORIES.length * LABEL_CLASSES.length);
    for (const [index, { category, labelClass }] of PAIRS.entries()) {
      expect(pairIndex(category, labelClass)).toBe(index);
    }
    expect(new Set(CATEGORIES).size).toBe(CATEGORIES.length);
  });

  it('knows its own words only', () => {
    expect(CATEGORIES.every(isCategory) && LABEL_CLASSES.every(isLabelClass)).toBe(true);
    expect(isCategory('everything') || isCategory(undefined) || isLabelClass('n')).toBe(false);
  });
});
