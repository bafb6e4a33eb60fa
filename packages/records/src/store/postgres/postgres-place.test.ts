import { describe, expect, it } from 'vitest';
import { postgresPlace } from './postgres-place.ts';

describe('the URL of a database', () => {
  it('gives each organisation a schema, and a database or account where its name stands in it', () => {
    expect(postgresPlace('postgresql://salus:p%40ss@127.0.0.1/records', 'hospital-a')).toEqual({
      ...{ host: '127.0.0.1', port: 5432, database: 'records', user: 'salus', password: 'p@ss' },
      ...{ tls: undefined, schema: 'salus_hospital_a' },
    });
    const own = postgresPlace('postgresql://{organisation}:x@localhost:5433/salus_{organisation}', 'hospital-a');
    expect(own).toMatchObject({ user: 'hospital_a', database: 'salus_hospital_a', port: 5433 });
  });

  it('reaches another machine by TLS only, whose certificate is checked', () => {
    const { tls } = postgresPlace('postgresql://salus:x@db.example.org/records', 'hospital-a');
    expect(tls).toMatchObject({ rejectUnauthorized: true, servername: 'db.example.org' });
    expect(() => postgresPlace('postgresql://s:x@db.example.org/records?sslmode=disable', 'a')).toThrow('parameter');
  });

  it.each([
    ['not a URL', 'records'],
    ['another scheme', 'mysql://salus:secret@127.0.0.1/records'],
    ['no database', 'postgresql://salus:secret@127.0.0.1'],
    ['no user', 'postgresql://127.0.0.1/records'],
    ['an unknown parameter', 'postgresql://salus:secret@127.0.0.1/records?options=x'],
    ['half a client certificate', 'postgresql://salus:secret@127.0.0.1/records?sslcert=/dev/null'],
  ])('refuses %s, without a word of it', (_what, url) => {
    let message = '';
    try {
      postgresPlace(url, 'hospital-a');
    } catch (error) {
      expect(error).toMatchObject({ code: 'bad-input' });
      message = (error as Error).message;
    }
    expect(message).not.toBe('');
    expect(message).not.toContain('secret');
  });
});
