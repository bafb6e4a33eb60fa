/** The app's icon as pixels, for systems that take no SVG: an installed app on a home screen, a tile, a task list. */
export interface PixelIcon {
  /** In `public/icons`. */
  readonly file: string;
  readonly sizePx: number;
  /** Whether the colour goes to the edges, because the system cuts the corners itself (W3C Manifest: `maskable`). */
  readonly isToTheEdge: boolean;
}

export const ICONS: readonly PixelIcon[] = [
  { file: 'salus-192.png', sizePx: 192, isToTheEdge: false },
  { file: 'salus-512.png', sizePx: 512, isToTheEdge: false },
  { file: 'salus-maskable-512.png', sizePx: 512, isToTheEdge: true },
  // The size that iOS asks for; it draws what is transparent black.
  { file: 'apple-touch-icon.png', sizePx: 180, isToTheEdge: true },
];

/** The drawing for one icon, from the text of `salus.svg`. */
export function drawingOf(svg: string, { isToTheEdge }: PixelIcon): string {
  return isToTheEdge ? svg.replace(/ rx="\d+"/, '') : svg;
}
