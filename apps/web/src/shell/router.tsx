import { createBrowserRouter, type RouteObject } from 'react-router';
import { Loading } from '../ui/loading.tsx';
import { areaOf } from './areas.ts';
import { fetchPart } from './fetch-part.ts';
import { Home } from './home.tsx';
import { NotFound } from './not-found.tsx';
import { RouteFailure } from './route-failure.tsx';
import { SessionGuard } from './session-guard.tsx';
import { Shell } from './shell.tsx';

const SHELL = 'shell';

const shell: RouteObject = {
  id: SHELL,
  path: '/',
  element: <Shell />,
  errorElement: <RouteFailure />,
  hydrateFallbackElement: <Loading />,
  children: [
    { index: true, element: <Home /> },
    { path: '*', element: <NotFound /> },
  ],
};

const joined = new Set<string>();

export const router = createBrowserRouter([shell], {
  patchRoutesOnNavigation: async ({ path, patch }) => {
    const area = areaOf(path);
    if (area === undefined || joined.has(area.prefix)) return;
    const { routes } = await fetchPart(area.load);
    // Two navigations may have waited for the same area.
    if (joined.has(area.prefix)) return;
    joined.add(area.prefix);
    const guard = area.who === undefined ? {} : { element: <SessionGuard who={area.who} /> };
    patch(SHELL, [{ path: area.prefix, ...guard, errorElement: <RouteFailure />, children: routes }]);
  },
});
