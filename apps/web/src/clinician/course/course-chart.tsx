import { useTranslation } from 'react-i18next';
import type { TrendLine } from '../../fhir/trend-lines.ts';
import type { CourseLane, TimeSpan } from './course.ts';

const WIDTH = 720;
const LEFT = 16;
const EDGE = 16;
const LANE = 44;
const BAR = 14;
const MEASURED = 140;
const AXIS = 28;
const YEARS_TEXT_Y = 18;

/** Planned (bars), given (dots) and measured (line) on one axis of time. Tables beside it say the same. */
export function CourseChart({
  lanes,
  line,
  span: { fromMs, untilMs },
  nowMs,
}: {
  readonly lanes: readonly CourseLane[];
  readonly line: TrendLine | undefined;
  readonly span: TimeSpan;
  readonly nowMs: number;
}) {
  const { t, i18n } = useTranslation('clinician');
  const x = (atMs: number): number => LEFT + ((atMs - fromMs) / (untilMs - fromMs)) * (WIDTH - LEFT - EDGE);
  const top = lanes.length * LANE;
  const measured = line === undefined || line.points.length === 0 ? 0 : MEASURED;
  const height = top + measured + AXIS;
  const date = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium' });
  return (
    <svg viewBox={`0 0 ${WIDTH} ${height}`} className="course-chart" aria-hidden="true" direction="ltr">
      {lanes.map(({ key, title, planned, given }, at) => (
        <g key={key} transform={`translate(0 ${at * LANE})`}>
          <text x={LEFT} y={12} className="course-text">
            {title ?? t('course.unnamed')}
          </text>
          {planned.map((plan) => (
            <rect
              key={plan.entry.key}
              x={x(plan.fromMs)}
              y={18}
              width={Math.max(x(plan.untilMs ?? nowMs) - x(plan.fromMs), 3)}
              height={BAR}
              rx={3}
              className="course-planned"
            />
          ))}
          {given.map((entry) => (
            <circle key={entry.key} cx={x(entry.atMs)} cy={18 + BAR / 2} r={5} className="course-given" />
          ))}
          <line x1={LEFT} x2={WIDTH - EDGE} y1={LANE - 4} y2={LANE - 4} className="course-grid" />
        </g>
      ))}
      {line === undefined || measured === 0 ? null : <Measured line={line} x={x} top={top} />}
      <text x={LEFT} y={height - AXIS + YEARS_TEXT_Y} className="course-text">
        {date.format(fromMs)}
      </text>
      <text x={WIDTH - EDGE} y={height - AXIS + YEARS_TEXT_Y} textAnchor="end" className="course-text">
        {date.format(untilMs)}
      </text>
    </svg>
  );
}

function Measured({
  line,
  x,
  top,
}: {
  readonly line: TrendLine;
  readonly x: (atMs: number) => number;
  readonly top: number;
}) {
  const { i18n } = useTranslation('clinician');
  const values = line.points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || Math.abs(high) || 1;
  const y = (value: number): number => top + MEASURED - 20 - ((value - low) / span) * (MEASURED - 44);
  const number = new Intl.NumberFormat(i18n.language, { maximumFractionDigits: 2 });
  return (
    <g>
      <polyline
        points={line.points.map((point) => `${x(point.atMs)},${y(point.value)}`).join(' ')}
        className="course-line"
      />
      {line.points.map((point) => (
        <g key={`${point.atMs} ${point.value}`}>
          <circle cx={x(point.atMs)} cy={y(point.value)} r={4} className="course-dot" />
          <text x={x(point.atMs)} y={y(point.value) - 9} textAnchor="middle" className="course-text">
            {number.format(point.value)}
          </text>
        </g>
      ))}
    </g>
  );
}
