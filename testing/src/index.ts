export { type FabricBinaries, fabricBinaries } from './fabric-binaries.ts';
export { scaled } from './scale.ts';
export { testData } from './test-data.ts';
