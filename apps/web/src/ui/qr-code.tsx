import { create, type QRCodeErrorCorrectionLevel } from 'qrcode';
import { useMemo } from 'react';

/** Modules of white around the code (ISO/IEC 18004 §6.3.8). */
const QUIET = 4;

/** A QR code drawn as one path; black on white in every theme, or no camera reads it. */
export function QrCode({
  text,
  label,
  sizePx = 260,
  level = 'M',
}: {
  readonly text: string;
  /** What it is, for whoever does not see it; the text itself should stand beside it. */
  readonly label: string;
  readonly sizePx?: number;
  readonly level?: QRCodeErrorCorrectionLevel;
}) {
  const { path, side } = useMemo(() => draw(text, level), [text, level]);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`${-QUIET} ${-QUIET} ${side + 2 * QUIET} ${side + 2 * QUIET}`}
      width={sizePx}
      height={sizePx}
      style={{ maxWidth: '100%', height: 'auto', background: '#ffffff' }}
      shapeRendering="crispEdges"
    >
      <path d={path} fill="#000000" />
    </svg>
  );
}

function draw(text: string, level: QRCodeErrorCorrectionLevel): { readonly path: string; readonly side: number } {
  const { modules } = create(text, { errorCorrectionLevel: level });
  const { size: side, data } = modules;
  let path = '';
  data.forEach((dark, at) => {
    if (dark !== 0) path += `M${at % side} ${Math.floor(at / side)}h1v1h-1z`;
  });
  return { path, side };
}
