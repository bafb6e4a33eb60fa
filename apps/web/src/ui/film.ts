const SCAN_EVERY_MS = 250;

/** What a camera and its picture on the page do, so that a test may stand in for both. */
interface Filming {
  /** Asks the person for the camera. */
  openCamera(): Promise<MediaStream>;
  show(stream: MediaStream): Promise<void>;
  /** The code that is before the camera now; undefined where there is none. */
  read(): Promise<string | undefined>;
  /** Once, with the first code. */
  onFound(text: string): void;
  /** Once: the camera was refused, or its picture cannot be read. */
  onFailed(): void;
}

/** Looks through the camera until a code is there. @returns what ends it: the camera goes out, and nothing is told any more */
export function film({ openCamera, show, read, onFound, onFailed }: Filming): () => void {
  let stream: MediaStream | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    clearTimeout(timer);
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  const fail = (): void => {
    if (isOver) return;
    stop();
    onFailed();
  };
  const scan = async (): Promise<void> => {
    const text = await read();
    if (isOver) return;
    if (text === undefined) {
      timer = setTimeout(() => void scan().catch(fail), SCAN_EVERY_MS);
      return;
    }
    stop();
    onFound(text);
  };
  const start = async (): Promise<void> => {
    stream = await openCamera();
    // Whoever left meanwhile does not leave the camera on.
    if (isOver) return stop();
    await show(stream);
    if (!isOver) await scan();
    return undefined;
  };
  void start().catch(fail);
  return stop;
}
