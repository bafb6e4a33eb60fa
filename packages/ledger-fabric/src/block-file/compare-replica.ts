import { DatabaseSync } from 'node:sqlite';

/** The tables that follow from the blocks alone, with the column that names a row. */
const TABLES = [
  ['block', 'number'],
  ['body', 'position'],
  ['state', 'key'],
  ['history', 'key'],
  ['refusal', 'call'],
  ['alarm', 'tx'],
  ['distrusted', 'key'],
] as const;
/** Rows that are named for one table. */
const ROWS_MAX = 20;

/** A row of the node's replica that is not what the blocks give. */
export type ReplicaDifference = { readonly table: string; readonly row: string };

/**
 * Where a node's replica differs from one that was made of a peer's blocks up to the same one: rows that are only in one of the two.
 * Both files are only read.
 */
export function compareReplicas(madeOfBlocks: string, replica: string): readonly ReplicaDifference[] {
  using database = new DatabaseSync(madeOfBlocks, { readOnly: true });
  database.prepare('ATTACH DATABASE ? AS node').run(replica);
  return TABLES.flatMap(([table, column]) => {
    const differences = database
      .prepare(
        `SELECT ${column} AS row FROM (SELECT * FROM (SELECT * FROM main.${table} EXCEPT SELECT * FROM node.${table})
         UNION ALL SELECT * FROM (SELECT * FROM node.${table} EXCEPT SELECT * FROM main.${table})) LIMIT ?`,
      )
      .all(ROWS_MAX);
    return [...new Set(differences.map(({ row }) => String(row)))].map((row) => ({ table, row }));
  });
}
