import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const PUBLIC_MODE = 0o644;

/** Writes a file without secrets whole, unless it holds that already: true when it changed. */
export function writeIfChanged(file: string, content: string | Uint8Array, mode = PUBLIC_MODE): boolean {
  const bytes = Buffer.from(content);
  if (existsSync(file) && readFileSync(file).equals(bytes)) {
    chmodSync(file, mode);
    return false;
  }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, bytes, { mode });
  chmodSync(temporary, mode);
  renameSync(temporary, file);
  return true;
}
