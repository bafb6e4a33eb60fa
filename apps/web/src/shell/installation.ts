import { useEffect, useState } from 'react';
import type { ReleaseNews } from '../worker/release.ts';

/**
 * Has the browser install the app, which goes well only with a release that is listed on the ledger, and says what the
 * worker found out about the node's release: at its installation, whether that went well or not, and since.
 */
export function useReleaseNews(): ReleaseNews['kind'] {
  const [news, setNews] = useState<ReleaseNews['kind']>('current');
  useEffect(() => {
    const workers = 'serviceWorker' in navigator ? navigator.serviceWorker : undefined;
    if (workers === undefined) return;
    const listen = ({ data }: MessageEvent<ReleaseNews>): void => setNews(data.kind);
    workers.addEventListener('message', listen);
    const install = (): void => {
      // Pages work without: a browser that forbids workers has an app that is not installed.
      workers.register('/sw.js', { updateViaCache: 'none' }).then(
        () => workers.controller?.postMessage('look'),
        () => setNews('current'),
      );
    };
    // The worker fetches every file of the app: not before the page that somebody waits for is there.
    if (document.readyState === 'complete') install();
    else window.addEventListener('load', install, { once: true });
    return () => {
      window.removeEventListener('load', install);
      workers.removeEventListener('message', listen);
    };
  }, []);
  return news;
}
