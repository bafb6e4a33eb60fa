/** The guided visit as pure logic, the same in browser and node: its tasks, their course, and the resources that they carry. */
export * from './visit-catalogue.ts';
export * from './visit-course.ts';
export * from './visit-resources.ts';
export * from './visit-step.ts';
export * from './visit-task.ts';
