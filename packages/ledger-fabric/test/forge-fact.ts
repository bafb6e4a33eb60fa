import type { Json } from '@salus/contracts';
import { forge } from './forgery.ts';

/** For tests of other packages: connection file of the node that cheats, endorsers, key and fact; prints what became of it. */
const [connectionFile = '', endorsers = '', key = '', fact = ''] = process.argv.slice(2);
const forged = await forge(connectionFile, endorsers.split(','), [key, JSON.parse(fact) as Json]);
process.stdout.write(`${JSON.stringify(forged)}\n`);
