import { DirectionProvider, MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from 'react-router';
import { SessionProvider } from '../session/index.ts';
import { LiveQueries } from '../session/live-queries.tsx';
import { queryClient } from './query-client.ts';
import { router } from './router.tsx';
import { styleNonce } from './style-nonce.ts';
import { theme } from './theme.ts';

/** Everything that pages lean on: language and direction, theme, queries, session, router. */
export function App({ direction }: { readonly direction: 'ltr' | 'rtl' }) {
  return (
    <DirectionProvider initialDirection={direction} detectDirection={false}>
      <MantineProvider theme={theme} forceColorScheme="light" getStyleNonce={styleNonce}>
        <QueryClientProvider client={queryClient}>
          <SessionProvider>
            <LiveQueries />
            <Notifications position="bottom-right" />
            <RouterProvider router={router} />
          </SessionProvider>
        </QueryClientProvider>
      </MantineProvider>
    </DirectionProvider>
  );
}
