import { describe, expect, it } from 'vitest';
import { withoutScripts } from './nodes-own.ts';

describe('a page that the node writes itself', () => {
  it('is shown as it is, under a policy that lets no script run beside the node’s own', async () => {
    const headers = {
      'content-security-policy': "default-src 'self'",
      'content-type': 'text/html',
      'content-encoding': 'gzip',
    };
    const shown = withoutScripts(new Response('<h1>Who asks</h1>', { status: 403, headers }));
    expect([shown.status, shown.headers.get('content-type'), shown.headers.get('content-encoding')]).toEqual([
      403,
      'text/html',
      null,
    ]);
    expect(shown.headers.get('content-security-policy')).toMatch(/^default-src 'self', script-src 'none';/);
    expect(await shown.text()).toBe('<h1>Who asks</h1>');
  });

  it('may be empty', () => {
    expect(withoutScripts(new Response(null, { status: 204 })).status).toBe(204);
  });

  it('is followed where it leads elsewhere', () => {
    const redirect = { type: 'opaqueredirect' } as Response;
    expect(withoutScripts(redirect)).toBe(redirect);
  });
});
