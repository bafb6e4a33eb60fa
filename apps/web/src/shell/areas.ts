import type { RouteObject } from 'react-router';

interface Area {
  /** Where the area's routes hang; their own paths are relative to it. */
  readonly prefix: string;
  /** Who alone sees the area's pages; everybody where it is left out. */
  readonly who?: 'patient' | 'staff';
  readonly load: () => Promise<{ readonly routes: RouteObject[] }>;
}

/** Each area is fetched when somebody first goes there. The first prefix that fits decides: longer ones stand first. */
const AREAS: readonly Area[] = [
  { prefix: '/patient/record', who: 'patient', load: () => import('../patient/record/routes.tsx') },
  { prefix: '/patient/access', who: 'patient', load: () => import('../patient/access/routes.tsx') },
  { prefix: '/patient/apps', who: 'patient', load: () => import('../patient/access/app-routes.tsx') },
  // Some of its pages are for those who have no wallet yet: it guards the others itself.
  { prefix: '/patient', load: () => import('../patient/onboarding/routes.tsx') },
  { prefix: '/start', load: () => import('../session/routes.tsx') },
  { prefix: '/join', load: () => import('../steward/join-routes.tsx') },
  { prefix: '/verify', load: () => import('../steward/verify-routes.tsx') },
  { prefix: '/clinician', who: 'staff', load: () => import('../clinician/routes.tsx') },
  { prefix: '/steward', who: 'staff', load: () => import('../steward/routes.tsx') },
  // Patients and staff see the same steps, each from their side.
  { prefix: '/visit', load: () => import('../visit/routes.tsx') },
];

export function areaOf(path: string): Area | undefined {
  return AREAS.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
}
