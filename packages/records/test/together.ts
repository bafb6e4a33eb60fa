/** Resources that only ever change together: two practitioners with one number, and the one place that is there. */
export interface Together {
  readonly left: string;
  readonly right: string;
  readonly place: string;
}

export function createdTogether(name: string): string {
  return transaction([
    ...['left', 'right'].map(() => ({
      resource: { resourceType: 'Practitioner', name: [{ text: `${name} 0` }] },
      request: { method: 'POST', url: 'Practitioner' },
    })),
    placeOf(name, 0),
  ]);
}

/** DELETE, PUT, PATCH and POST in one transaction: outcomes of left, right, the place that goes and the one that comes. */
export function changedTogether(name: string, { left, right, place }: Together, count: number): string {
  const patch = [{ op: 'replace', path: '/name/0/text', value: `${name} ${count}` }];
  const data = Buffer.from(JSON.stringify(patch)).toString('base64');
  return transaction([
    {
      resource: { resourceType: 'Practitioner', id: left, name: [{ text: `${name} ${count}` }] },
      request: { method: 'PUT', url: `Practitioner/${left}` },
    },
    {
      resource: { resourceType: 'Binary', contentType: 'application/json-patch+json', data },
      request: { method: 'PATCH', url: `Practitioner/${right}` },
    },
    { request: { method: 'DELETE', url: `Location/${place}` } },
    placeOf(name, count),
  ]);
}

function placeOf(name: string, count: number) {
  return {
    resource: { resourceType: 'Location', name: `${name} ${count}` },
    request: { method: 'POST', url: 'Location' },
  };
}

function transaction(entry: readonly object[]): string {
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}
