import { DirectionProvider, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { type ComponentType, lazy, Suspense } from 'react';
import { RouterProvider } from 'react-router';
import { SessionProvider } from '../session/index.ts';
import { LiveQueries } from '../session/live-queries.tsx';
import { useAfterPaint } from './after-paint.ts';
import { fetchPart } from './fetch-part.ts';
import { queryClient } from './query-client.ts';
import { router } from './router.tsx';
import { styleNonce } from './style-nonce.ts';
import { theme } from './theme.ts';

const Notices = lazy(async () => ({ default: await fetchNotices() }));

/** A node that is away for longer leaves the pages without a corner for what was done; they work all the same. */
async function fetchNotices(): Promise<ComponentType> {
  try {
    return (await fetchPart(() => import('./notices.tsx'))).Notices;
  } catch {
    return () => null;
  }
}

/** Everything that pages lean on: language and direction, theme, queries, session, router. */
export function App({ direction }: { readonly direction: 'ltr' | 'rtl' }) {
  const isPainted = useAfterPaint();
  return (
    <DirectionProvider initialDirection={direction} detectDirection={false}>
      <MantineProvider theme={theme} forceColorScheme="light" getStyleNonce={styleNonce}>
        <QueryClientProvider client={queryClient}>
          <SessionProvider>
            <LiveQueries />
            {isPainted ? (
              <Suspense fallback={null}>
                <Notices />
              </Suspense>
            ) : null}
            <RouterProvider router={router} />
          </SessionProvider>
        </QueryClientProvider>
      </MantineProvider>
    </DirectionProvider>
  );
}
