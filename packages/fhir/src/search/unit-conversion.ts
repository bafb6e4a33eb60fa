import { createRequire } from 'node:module';
import { Decimal } from 'decimal.js';

const require = createRequire(import.meta.url);

/** Pairs of units that are kept; beyond them the oldest go. */
const PAIRS_MAX = 1_000;
/** Digits that the factors of the library hold for sure. */
const DIGITS = 12;
/** What rounding leaves between two steps of a straight line. */
const TOLERANCE = 1e-9;

type Convert = (value: Decimal) => Decimal;
type Library = {
  readonly UcumLhcUtils: {
    getInstance(): {
      convertUnitTo(
        from: string,
        value: number,
        to: string,
      ): { readonly status: string; readonly toVal: number | null };
    };
  };
};

/** Loaded when the first search needs it: it takes 50 ms. */
let library: ReturnType<Library['UcumLhcUtils']['getInstance']> | undefined;
/** null: the two measure different things. */
const known = new Map<string, Convert | null>();

/** How a value in one UCUM unit is said in another; undefined when they do not measure the same. */
export function unitConversion(from: string, to: string): Convert | undefined {
  const name = `${from} ${to}`;
  let convert = known.get(name);
  if (convert === undefined) {
    convert = makeConversion(from, to);
    if (known.size >= PAIRS_MAX) for (const oldest of known.keys()) if (known.delete(oldest)) break;
    known.set(name, convert);
  }
  return convert ?? undefined;
}

/** A factor, and an offset between scales of temperature. Units on other curves (pH, decibels) are not converted. */
function makeConversion(from: string, to: string): Convert | null {
  const [zero, one, two] = [0, 1, 2].map((value) => convertNumber(from, value, to));
  if (zero === undefined || one === undefined || two === undefined) return null;
  const factor = one.minus(zero);
  if (two.minus(one).minus(factor).abs().gt(factor.abs().times(TOLERANCE))) return null;
  // 37 Cel is 98.6 [degF], not 98.59999999999997.
  return (value) => value.times(factor).plus(zero).toSignificantDigits(DIGITS);
}

function convertNumber(from: string, value: number, to: string): Decimal | undefined {
  library ??= (require('@lhncbc/ucum-lhc') as Library).UcumLhcUtils.getInstance();
  const { status, toVal } = library.convertUnitTo(from, value, to);
  return status === 'succeeded' && typeof toVal === 'number'
    ? new Decimal(toVal).toSignificantDigits(DIGITS)
    : undefined;
}
