import type { RouteObject } from 'react-router';

interface Area {
  /** Where the area's routes hang; their own paths are relative to it. */
  readonly prefix: string;
  readonly load: () => Promise<{ readonly routes: RouteObject[] }>;
}

/** Each area is fetched when somebody first goes there. The first prefix that fits decides: longer ones stand first. */
const AREAS: readonly Area[] = [
  { prefix: '/patient/record', load: () => import('../patient/record/routes.tsx') },
  { prefix: '/patient/access', load: () => import('../patient/access/routes.tsx') },
  { prefix: '/patient', load: () => import('../patient/onboarding/routes.tsx') },
  { prefix: '/sign-in', load: () => import('../session/routes.tsx') },
  { prefix: '/clinician', load: () => import('../clinician/routes.tsx') },
  { prefix: '/steward', load: () => import('../steward/routes.tsx') },
  { prefix: '/visit', load: () => import('../visit/routes.tsx') },
];

export function areaOf(path: string): Area | undefined {
  return AREAS.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
}
