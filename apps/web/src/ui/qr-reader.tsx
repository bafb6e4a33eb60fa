import { Button, FileButton, Group, Stack, Text } from '@mantine/core';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';

const SCAN_EVERY_MS = 250;
const SIDE_MAX_PX = 1_600;

/** Reads a QR code with the camera or from a picture; both work without anybody's help but this device's. */
export function QrReader({ onRead }: { readonly onRead: (text: string) => void }) {
  const { t } = useTranslation('ui');
  const [isFilming, setFilming] = useState(false);
  const [said, setSaid] = useState('');
  const found = useCallback(
    (text: string): void => {
      setFilming(false);
      setSaid(t('qr.read'));
      onRead(text);
    },
    [onRead, t],
  );
  const readFile = async (file: File | null): Promise<void> => {
    if (file === null) return;
    const text = await readPicture(await createImageBitmap(file)).catch(() => undefined);
    if (text === undefined) setSaid(t('qr.none'));
    else found(text);
  };
  return (
    <Stack gap="xs" align="flex-start">
      <Group>
        <Button
          variant="default"
          onClick={() => {
            setSaid('');
            setFilming(!isFilming);
          }}
        >
          {t(isFilming ? 'qr.stop' : 'qr.camera')}
        </Button>
        <FileButton onChange={(file) => void readFile(file)} accept="image/*">
          {(props) => (
            <Button variant="default" {...props}>
              {t('qr.picture')}
            </Button>
          )}
        </FileButton>
      </Group>
      {isFilming ? <Camera onFound={found} onFailed={() => [setFilming(false), setSaid(t('qr.noCamera'))]} /> : null}
      <Text size="sm" role="status">
        {said}
      </Text>
    </Stack>
  );
}

function Camera({ onFound, onFailed }: { readonly onFound: (text: string) => void; readonly onFailed: () => void }) {
  const { t } = useTranslation('ui');
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const scan = async (): Promise<void> => {
      const shown = video.current;
      if (isOver || shown === null) return;
      const text = shown.videoWidth === 0 ? undefined : await readPicture(shown);
      if (isOver) return;
      if (text !== undefined) onFound(text);
      else timer = setTimeout(() => void scan(), SCAN_EVERY_MS);
    };
    const start = async (): Promise<void> => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      const shown = video.current;
      if (isOver || shown === null) return stop();
      shown.srcObject = stream;
      await shown.play();
      await scan();
    };
    const stop = (): void => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    start().catch(() => {
      if (!isOver) onFailed();
    });
    return () => {
      isOver = true;
      clearTimeout(timer);
      stop();
    };
  }, [onFound, onFailed]);
  return <video ref={video} muted playsInline aria-label={t('qr.view')} style={{ maxWidth: '100%', width: 320 }} />;
}

/** The text of a QR code in a picture; undefined where there is none. */
async function readPicture(source: HTMLVideoElement | ImageBitmap): Promise<string | undefined> {
  const [wide, high] =
    source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
  const scale = Math.min(1, SIDE_MAX_PX / Math.max(wide, high));
  const canvas = new OffscreenCanvas(Math.round(wide * scale), Math.round(high * scale));
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return undefined;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const { default: readQr } = await import('jsqr');
  return readQr(data, width, height)?.data;
}
