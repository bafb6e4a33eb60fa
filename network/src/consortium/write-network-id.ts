import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseDocument } from 'yaml';

/** Writes the network's id into a consortium.yaml, after its version; comments and order stay. */
export function writeNetworkId(file: string, network: string): void {
  const text = readFileSync(file, 'utf8');
  const line = /^version:.*$/m;
  const document = parseDocument(text);
  document.set('network', network);
  const changed = line.test(text) ? text.replace(line, `$&\nnetwork: ${network}`) : document.toString();
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, changed);
  renameSync(temporary, file);
}
