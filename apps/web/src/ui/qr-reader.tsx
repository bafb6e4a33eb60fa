import { Button, FileButton, Group, Stack, Text } from '@mantine/core';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { film } from './film.ts';
import { readQr, readQrFile } from './read-qr.ts';

/** Reads a QR code with the camera or from a picture; both work without anybody's help but this device's. */
export function QrReader({ onRead }: { readonly onRead: (text: string) => void }) {
  const { t } = useTranslation('ui');
  const [isFilming, setFilming] = useState(false);
  const [said, setSaid] = useState('');
  const found = (text: string): void => {
    setFilming(false);
    setSaid(t('qr.read'));
    onRead(text);
  };
  const readFile = async (file: File | null): Promise<void> => {
    if (file === null) return;
    const text = await readQrFile(file);
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
  // The camera is asked for once, however often the page is drawn: some browsers ask the person each time.
  const found = useEffectEvent(onFound);
  const failed = useEffectEvent(onFailed);
  useEffect(() => {
    const shown = video.current;
    if (shown === null) return undefined;
    return film({
      openCamera: async () => navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }),
      show: async (stream) => {
        shown.srcObject = stream;
        await shown.play();
      },
      read: async () => (shown.videoWidth === 0 ? undefined : readQr(shown)),
      onFound: (text) => found(text),
      onFailed: () => failed(),
    });
  }, []);
  return <video ref={video} muted playsInline aria-label={t('qr.view')} style={{ maxWidth: '100%', width: 320 }} />;
}
