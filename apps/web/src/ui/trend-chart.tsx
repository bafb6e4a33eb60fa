import { Group, Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { paddedBounds, ticksOf } from './chart-scale.ts';
import './trend-chart.css';

export interface ChartPoint {
  readonly atMs: number;
  readonly value: number;
}

export interface ChartLine {
  readonly key: string;
  readonly name: string;
  readonly points: readonly ChartPoint[];
}

const HEIGHT_PX = 260;
const EDGE = { top: 12, right: 16, bottom: 28, left: 52 } as const;
const TICK_PX = 90;
const MARK_PX = 5;
/** Lines differ by mark and stroke, not by colour alone. */
const STYLES = [
  { mark: 'circle', dash: undefined },
  { mark: 'square', dash: '6 4' },
  { mark: 'triangle', dash: '2 3' },
  { mark: 'diamond', dash: '10 4 2 4' },
] as const;

/**
 * Values over time, all lines on one axis; `normal` is drawn as a band. The page shows the same values as a table: the
 * picture has `label` as its only words.
 */
export function TrendChart({
  lines,
  normal,
  label,
  locale,
}: {
  readonly lines: readonly ChartLine[];
  readonly normal?: { readonly low: number | undefined; readonly high: number | undefined } | undefined;
  readonly label: string;
  readonly locale: string;
}) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const points = lines.flatMap((line) => line.points);
  return (
    <figure className="trend-chart">
      <div ref={ref} className="trend-chart-frame">
        {width === 0 || points.length === 0 ? null : (
          <Drawing lines={lines} normal={normal} label={label} locale={locale} width={width} />
        )}
      </div>
      {lines.length < 2 ? null : (
        <figcaption>
          <Group gap="md">
            {lines.map(({ key, name }, at) => (
              <Group key={key} gap="xs" wrap="nowrap">
                <svg width="36" height="14" aria-hidden="true">
                  <Stroke at={at} path="M0 7 L36 7" />
                  <Mark at={at} x={18} y={7} />
                </svg>
                <Text size="sm">{name}</Text>
              </Group>
            ))}
          </Group>
        </figcaption>
      )}
    </figure>
  );
}

function Drawing({
  lines,
  normal,
  label,
  locale,
  width,
}: Parameters<typeof TrendChart>[0] & { readonly width: number }) {
  const points = lines.flatMap((line) => line.points);
  const [low, high] = paddedBounds([
    ...points.map(({ value }) => value),
    ...[normal?.low, normal?.high].filter((bound) => bound !== undefined),
  ]);
  const times = points.map(({ atMs }) => atMs);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const inner = Math.max(1, width - EDGE.left - EDGE.right);
  const x = (ms: number): number => EDGE.left + (to === from ? inner / 2 : (inner * (ms - from)) / (to - from));
  const y = (value: number): number =>
    HEIGHT_PX - EDGE.bottom - ((HEIGHT_PX - EDGE.top - EDGE.bottom) * (value - low)) / (high - low);
  const number = new Intl.NumberFormat(locale, { maximumSignificantDigits: 6 });
  return (
    <svg width={width} height={HEIGHT_PX} role="img" aria-label={label} direction="ltr">
      {normal === undefined ? null : (
        <rect
          className="trend-normal"
          x={EDGE.left}
          width={inner}
          y={y(Math.min(normal.high ?? high, high))}
          height={Math.max(0, y(Math.max(normal.low ?? low, low)) - y(Math.min(normal.high ?? high, high)))}
        />
      )}
      {ticksOf(low, high, 5).map((tick) => (
        <g key={tick}>
          <line className="trend-grid" x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
          <text className="trend-text" x={EDGE.left - 8} y={y(tick)} textAnchor="end" dominantBaseline="middle">
            {number.format(tick)}
          </text>
        </g>
      ))}
      <TimeAxis from={from} to={to} x={x} locale={locale} count={Math.floor(inner / TICK_PX)} />
      {lines.map(({ key, points: own }, at) => (
        <g key={key}>
          <Stroke
            at={at}
            path={own.map(({ atMs, value }, index) => `${index === 0 ? 'M' : 'L'}${x(atMs)} ${y(value)}`).join(' ')}
          />
          {own.map(({ atMs, value }) => (
            <Mark key={`${atMs} ${value}`} at={at} x={x(atMs)} y={y(value)} />
          ))}
        </g>
      ))}
    </svg>
  );
}

const DAY_MS = 86_400_000;

function TimeAxis({
  from,
  to,
  x,
  locale,
  count,
}: {
  readonly from: number;
  readonly to: number;
  readonly x: (ms: number) => number;
  readonly locale: string;
  readonly count: number;
}) {
  const days = (to - from) / DAY_MS;
  const format = new Intl.DateTimeFormat(
    locale,
    days > 900
      ? { year: 'numeric' }
      : days > 2
        ? { day: 'numeric', month: 'short' }
        : { day: 'numeric', hour: 'numeric', minute: 'numeric' },
  );
  const steps = to === from ? 0 : Math.max(1, count);
  const times = Array.from(
    { length: steps + 1 },
    (_, index) => from + (steps === 0 ? 0 : ((to - from) * index) / steps),
  );
  return (
    <>
      {times.map((ms, index) => (
        <text
          key={ms}
          className="trend-text"
          x={x(ms)}
          y={HEIGHT_PX - 8}
          textAnchor={steps === 0 ? 'middle' : index === 0 ? 'start' : index === steps ? 'end' : 'middle'}
        >
          {format.format(ms)}
        </text>
      ))}
    </>
  );
}

function styleOf(at: number): (typeof STYLES)[number] {
  return STYLES[at % STYLES.length]!;
}

function Stroke({ at, path }: { readonly at: number; readonly path: string }) {
  return <path className={`trend-line trend-line-${at % STYLES.length}`} d={path} strokeDasharray={styleOf(at).dash} />;
}

function Mark({ at, x, y }: { readonly at: number; readonly x: number; readonly y: number }) {
  const className = `trend-mark trend-line-${at % STYLES.length}`;
  const { mark } = styleOf(at);
  const r = MARK_PX;
  if (mark === 'circle') return <circle className={className} cx={x} cy={y} r={r} />;
  const corners = {
    square: [
      [-r, -r],
      [r, -r],
      [r, r],
      [-r, r],
    ],
    triangle: [
      [0, -r],
      [r, r],
      [-r, r],
    ],
    diamond: [
      [0, -r - 1],
      [r + 1, 0],
      [0, r + 1],
      [-r - 1, 0],
    ],
  }[mark];
  return <polygon className={className} points={corners.map(([dx = 0, dy = 0]) => `${x + dx},${y + dy}`).join(' ')} />;
}
