const SIDE_MAX_PX = 1_600;

/** The text of a QR code in a file that somebody chose; undefined where there is none, as in a file that is no picture. */
export async function readQrFile(file: File): Promise<string | undefined> {
  try {
    const picture = await createImageBitmap(file);
    return await readQr(picture).finally(() => picture.close());
  } catch {
    // Whatever the browser cannot draw, nobody has read a code in it.
    return undefined;
  }
}

/** The text of a QR code in a picture; undefined where there is none. */
export async function readQr(source: HTMLVideoElement | ImageBitmap): Promise<string | undefined> {
  const [wide, high] = 'videoWidth' in source ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
  const scale = Math.min(1, SIDE_MAX_PX / Math.max(wide, high));
  const canvas = new OffscreenCanvas(Math.round(wide * scale), Math.round(high * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return undefined;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const { default: findQr } = await import('jsqr');
  return findQr(data, width, height)?.data;
}
