import { writeSync } from 'node:fs';
import { Exports } from '../src/export/exports.ts';
import { EVERYTHING, PATIENTS_BEFORE, sightOfAllBut } from './exporting.ts';
import { openInstructed } from './instructed.ts';

/** Exports, and stands still with lines of one more patient in open files until it is killed; says so on stdout. */

const { vault, caller } = await openInstructed();
let patients = 0;
const exports = await Exports.open({
  ...vault,
  savePointRows: 1,
  onFailure: (error) => {
    throw error;
  },
  listStatements: async () => {
    patients += 1;
    if (patients <= PATIENTS_BEFORE) return [];
    writeSync(1, 'standing\n');
    return new Promise(() => {});
  },
});
await exports.start(sightOfAllBut(caller.writer.who), EVERYTHING);
setInterval(() => {}, 60_000);
