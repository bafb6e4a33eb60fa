import {
  IconBuildingHospital,
  IconChecklist,
  IconFileText,
  IconHome,
  IconShieldCheck,
  IconStethoscope,
  IconUserCheck,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { SessionState } from '../session/index.ts';
import { wasSomebodyHere } from '../session/seen-here.ts';

export interface NavigationEntry {
  readonly to: string;
  /** Where else its pages are. */
  readonly and?: readonly string[];
  /** Its words stand in the catalogue `shell` below `navigation`. */
  readonly text: 'home' | 'patientHome' | 'record' | 'access' | 'visit' | 'clinician' | 'tasks' | 'steward';
  readonly icon: ComponentType<{ readonly size?: number; readonly 'aria-hidden'?: boolean }>;
  readonly isFor: (state: SessionState) => boolean;
}

const isStranger = (state: SessionState): boolean =>
  state.kind === 'nobody' || state.kind === 'locked' || (state.kind === 'starting' && !wasSomebodyHere());
const isPatient = (state: SessionState): boolean => state.kind === 'patient';
const isStaff = (state: SessionState): boolean => state.kind === 'staff';

/** Each area adds its own entries; order is that of the list. */
export const NAVIGATION: readonly NavigationEntry[] = [
  { to: '/', text: 'home', icon: IconHome, isFor: isStranger },
  { to: '/patient', text: 'patientHome', icon: IconHome, isFor: isPatient },
  { to: '/patient/record', text: 'record', icon: IconFileText, isFor: isPatient },
  { to: '/patient/access', and: ['/patient/apps'], text: 'access', icon: IconUserCheck, isFor: isPatient },
  { to: '/visit', text: 'visit', icon: IconBuildingHospital, isFor: isPatient },
  { to: '/clinician', text: 'clinician', icon: IconStethoscope, isFor: isStaff },
  { to: '/visit/tasks', text: 'tasks', icon: IconChecklist, isFor: isStaff },
  { to: '/steward', text: 'steward', icon: IconShieldCheck, isFor: isStaff },
];
