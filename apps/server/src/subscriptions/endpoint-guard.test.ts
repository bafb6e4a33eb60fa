import { expect, it } from 'vitest';
import { demandEndpoint, type EndpointRules, mayCall } from './endpoint-guard.ts';

const STRICT: EndpointRules = { listed: new Set(), demonstration: false };
const LISTED: EndpointRules = { listed: new Set(['hooks.internal', '10.0.0.5:8443']), demonstration: false };
const DEMONSTRATION: EndpointRules = { listed: new Set(), demonstration: true };
const HOOK = new URL('https://hooks.example.org/told');

it('calls public addresses only', () => {
  const refused = [
    ...[
      '0.0.0.0',
      '10.1.2.3',
      '100.64.0.1',
      '127.0.0.1',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
    ],
    ...[
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      '::ffff:10.0.0.1',
      '64:ff9b::a00:1',
      'fe80::1',
      'fd00::1',
    ],
    ...['2001:db8::1', '2002:a00:1::', 'ff02::1', '100::1', 'nonsense', ''],
  ];
  for (const address of refused) expect(mayCall(HOOK, address, STRICT), address).toBe(false);
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111']) {
    expect(mayCall(HOOK, address, STRICT), address).toBe(true);
  }
});

it('calls what the administrator listed, with its port where one is given, and nothing beside it', () => {
  expect(mayCall(new URL('https://hooks.internal/'), '10.0.0.9', LISTED)).toBe(true);
  expect(mayCall(new URL('https://10.0.0.5:8443/'), '10.0.0.5', LISTED)).toBe(true);
  expect(mayCall(new URL('https://10.0.0.5/'), '10.0.0.5', LISTED)).toBe(false);
  expect(mayCall(HOOK, '10.0.0.5', LISTED)).toBe(false);
});

it('calls this machine by http in the demonstration alone', () => {
  expect(demandEndpoint('http://localhost:9000/', DEMONSTRATION).port).toBe('9000');
  expect(mayCall(new URL('http://localhost:9000/'), '127.0.0.1', DEMONSTRATION)).toBe(true);
  // A name that leads here is not this machine's own.
  expect(mayCall(HOOK, '127.0.0.1', DEMONSTRATION)).toBe(false);
  expect(() => demandEndpoint('http://localhost:9000/', STRICT)).toThrow('https');
  expect(() => demandEndpoint('http://example.org/', DEMONSTRATION)).toThrow('https');
  expect(() => demandEndpoint('https://[::1]/', STRICT)).toThrow('public');
});
