import { useTranslation } from 'react-i18next';
import type { SeriesLine } from './series.ts';

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 56;
const BOTTOM = 28;
const EDGE = 12;
const TICKS = 4;
/** Told apart by form, not by colour alone. */
const DASHES = ['', '6 4', '2 3', '8 3 2 3'];

/** Values over time. The table beside it says the same in words; the drawing is hidden from screen readers. */
export function TrendChart({ lines }: { readonly lines: readonly SeriesLine[] }) {
  const { i18n } = useTranslation('clinician');
  const points = lines.flatMap((line) => line.points);
  if (points.length < 2) return null;
  const [fromMs, untilMs] = bounds(points.map(({ atMs }) => atMs));
  const [low, high] = bounds(points.map(({ value }) => value));
  const margin = (high - low) * 0.1 || Math.abs(high) * 0.1 || 1;
  const x = (atMs: number): number => LEFT + ((atMs - fromMs) / (untilMs - fromMs || 1)) * (WIDTH - LEFT - EDGE);
  const y = (value: number): number =>
    HEIGHT - BOTTOM - ((value - low + margin) / (high - low + 2 * margin)) * (HEIGHT - BOTTOM - EDGE);
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 1 });
  const date = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium' });
  const ticks = Array.from({ length: TICKS }, (_, at) => low + ((high - low) * at) / (TICKS - 1));
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} className="trend-chart" aria-hidden="true" direction="ltr">
      {[...new Set(ticks)].map((value) => (
        <g key={value}>
          <line x1={LEFT} x2={WIDTH - EDGE} y1={y(value)} y2={y(value)} className="trend-grid" />
          <text x={LEFT - 6} y={y(value) + 4} textAnchor="end" className="trend-text">
            {number.format(value)}
          </text>
        </g>
      ))}
      {lines.map((line, at) => (
        <g key={line.key}>
          <polyline
            points={line.points.map((point) => `${x(point.atMs)},${y(point.value)}`).join(' ')}
            className="trend-line"
            strokeDasharray={DASHES[at % DASHES.length]}
          />
          {line.points.map((point) => (
            <circle
              key={`${point.atMs} ${point.value}`}
              cx={x(point.atMs)}
              cy={y(point.value)}
              r={4}
              className="trend-dot"
            />
          ))}
        </g>
      ))}
      <text x={LEFT} y={HEIGHT - 8} className="trend-text">
        {date.format(fromMs)}
      </text>
      <text x={WIDTH - EDGE} y={HEIGHT - 8} textAnchor="end" className="trend-text">
        {date.format(untilMs)}
      </text>
    </svg>
  );
}

function bounds(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
