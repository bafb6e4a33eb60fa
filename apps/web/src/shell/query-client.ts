import { QueryClient } from '@tanstack/react-query';

const RETRY_MAX = 1;
const STALE_MS = 30_000;
/** What is on no page any more is forgotten: opened records should not lie in memory for longer than they are looked at. */
const FORGET_MS = 5 * 60_000;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: RETRY_MAX,
      staleTime: STALE_MS,
      gcTime: FORGET_MS,
      refetchOnWindowFocus: false,
      networkMode: 'always',
    },
    mutations: { retry: 0, networkMode: 'always' },
  },
});
