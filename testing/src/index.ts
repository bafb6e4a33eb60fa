export { findChromium } from './chromium.ts';
export { type FabricBinaries, fabricBinaries } from './fabric-binaries.ts';
export { freePort } from './free-port.ts';
export { hasJavaTools } from './java-tools.ts';
export { type PostgresServer, postgresServer } from './postgres-server.ts';
export { type S3Server, s3Binary, s3Server } from './s3-server.ts';
export { scaled } from './scale.ts';
export { templateFolder } from './template-folder.ts';
export { testData } from './test-data.ts';
