import type { RouteObject } from 'react-router';
import { VerifyPage } from './verify-page.tsx';

/** For anybody who was shown a certificate. */
export const routes: RouteObject[] = [{ index: true, element: <VerifyPage /> }];
