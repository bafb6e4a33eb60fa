import type { LinePainter, LineStyle } from './summary-pdf.ts';

/** Pixels for each point: sharp enough to print. */
const SCALE = 4;
const LEADING = 1.4;

/** Draws lines with the fonts of the device: it shapes Devanagari and Arabic, and knows which way they run. */
export function canvasPainter(direction: 'ltr' | 'rtl'): LinePainter {
  const measure = contextOf(document.createElement('canvas'));
  return {
    width: (text, style) => {
      measure.font = fontOf(style, 1);
      return measure.measureText(text).width;
    },
    draw: async (text, style) => {
      measure.font = fontOf(style, SCALE);
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(1, Math.ceil(measure.measureText(text).width));
      canvas.height = Math.ceil(style.size * LEADING * SCALE);
      const context = contextOf(canvas);
      context.font = fontOf(style, SCALE);
      context.direction = direction;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillStyle = '#121919';
      context.fillText(text, canvas.width / 2, canvas.height / 2);
      const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
      if (blob === null) throw new Error('the browser drew no picture of a line');
      const png = new Uint8Array(await blob.arrayBuffer());
      return { png, width: canvas.width / SCALE, height: canvas.height / SCALE };
    },
  };
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('the browser draws no lines');
  return context;
}

function fontOf({ size, isBold }: LineStyle, scale: number): string {
  return `${isBold ? '700' : '400'} ${size * scale}px sans-serif`;
}
