import type { RouteObject } from 'react-router';
import { JoinPage } from './join-page.tsx';

/** For whoever has a code and no key yet. */
export const routes: RouteObject[] = [{ index: true, element: <JoinPage /> }];
