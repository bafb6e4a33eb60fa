import { describe, expect, it } from 'vitest';
import { systemdUnit } from './systemd-unit.ts';

const spec = {
  name: 'hospital-a-peer0',
  organisation: 'hospital-a',
  kind: 'peer',
  command: '/srv/salus/bin/peer',
  args: ['node', 'start'],
  environment: { FABRIC_CFG_PATH: '/srv/salus network/peer0', RATE: '100%', PRICE: '$5' },
  workingDirectory: '/srv/salus network/peer0',
  ports: [7051],
} as const;

describe('a systemd unit', () => {
  it('runs the process as `up` would, restarts it, and lets it write its own data only', () => {
    const unit = systemdUnit(spec, { user: 'salus', reads: [], writes: ['/srv/salus network/peer0/data'] });
    expect(unit).toContain('\nUser=salus\n');
    expect(unit).toContain('\nExecStart=/srv/salus/bin/peer node start\nRestart=always\n');
    expect(unit).toContain('\nProtectSystem=strict\nReadWritePaths="/srv/salus network/peer0/data"\n');
  });

  it('quotes what systemd would split, and doubles what it would expand', () => {
    const unit = systemdUnit(spec, { user: 'salus', reads: [], writes: [] });
    expect(unit).toContain('\nEnvironment="FABRIC_CFG_PATH=/srv/salus network/peer0"\n');
    expect(unit).toContain('\nEnvironment=RATE=100%%\n');
    expect(unit).toContain('\nEnvironment=PRICE=$$5\n');
  });

  it('hides homes but for what the process keeps there', () => {
    const writes = ['/srv/salus network/node', '/home/salus/.config/salus/network/n/hospital-a'];
    const unit = systemdUnit(spec, { user: 'salus', reads: ['/home/salus/.config/salus/master-keys.json'], writes });
    expect(unit).toContain('\nProtectHome=tmpfs\n');
    expect(unit).toContain('\nBindReadOnlyPaths=/home/salus/.config/salus/master-keys.json\n');
    expect(unit).toContain('\nBindPaths=/home/salus/.config/salus/network/n/hospital-a\n');
    expect(unit).not.toContain('BindPaths="/srv');
    const apart = systemdUnit(spec, { user: 'salus', reads: ['/etc/salus/master-keys.json'], writes: ['/srv/node'] });
    expect(apart).toContain('\nProtectHome=yes\n');
    expect(apart).not.toContain('Bind');
  });
});
