import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningServer, readSettings, startServer } from '@salus/server';
import { templateFolder } from '@salus/testing';

/** Gives a home directory the demonstration, which is founded once for a state of the sources: that takes longer than most tests. */
export async function copyDemonstration(home: string): Promise<void> {
  const template = await templateFolder('desk', async (folder) => {
    const server = await startDemonstration(folder, join(folder, 'data'));
    await server.close();
  });
  cpSync(template, home, { recursive: true });
}

export function startDemonstration(home: string, dataDirectory: string): Promise<RunningServer> {
  const settings = {
    XDG_CONFIG_HOME: home,
    SALUS_DATA: dataDirectory,
    SALUS_BACKUPS: join(home, 'backups'),
    SALUS_PORT: '0',
    SALUS_LOG_LEVEL: 'error',
  };
  return startServer(readSettings(settings, home), (line) => process.stderr.write(line));
}
