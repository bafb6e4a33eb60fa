import { readFileSync } from 'node:fs';
import { type Document, isMap, isSeq, parseDocument } from 'yaml';
import { writeIfChanged } from '../write-file.ts';

/** Writes the network's id into a consortium.yaml, after its version; comments and order stay. */
export function writeNetworkId(file: string, network: string): void {
  edit(file, (document) => {
    const { contents } = document;
    if (!isMap(contents)) return;
    contents.delete('network');
    contents.items.splice(1, 0, document.createPair('network', network));
  });
}

/** Takes an organisation that has left out of a consortium.yaml; true when it was there. */
export function removeOrganisation(file: string, slug: string): boolean {
  return edit(file, (document) => {
    const organisations = document.get('organisations');
    if (!isSeq(organisations)) return;
    organisations.items = organisations.items.filter((item) => !(isMap(item) && item.get('slug') === slug));
  });
}

function edit(file: string, change: (document: Document) => void): boolean {
  const document = parseDocument(readFileSync(file, 'utf8'));
  change(document);
  return writeIfChanged(file, document.toString({ lineWidth: 0 }));
}
