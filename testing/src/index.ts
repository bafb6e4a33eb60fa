export { scaled } from './scale.ts';
export { testData } from './test-data.ts';
