// `node apps/web/build/main.ts`: builds the app where its sources changed, and prints its folder; its words go to standard error.
// Whoever starts it may be a test: what is built is what people get.
process.env.NODE_ENV = 'production';

const { buildWebApp } = await import('./build.ts');
const folder = await buildWebApp((line) => process.stderr.write(`${line}\n`));
process.stdout.write(`${folder}\n`);
