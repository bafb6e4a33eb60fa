import { type NodeProcess, type StaffSession, sendJson } from './node-process.ts';

const ASSIGNED_MS = 24 * 3_600_000;

/** The desk puts every patient into the reader's care: at home a record opens by care relationship, not by employment. */
export async function assignAll(node: NodeProcess, author: StaffSession, locations: readonly string[]): Promise<void> {
  const { organisation, token } = await node.logIn('a.desk');
  const patients = `/api/v1/orgs/${organisation}/patients`;
  for (const location of locations.filter((candidate) => candidate.startsWith('Patient/'))) {
    const { pid } = await sendJson<{ pid: string }>(node.send, {
      method: 'GET',
      path: `${patients}/${location.split('/')[1]}`,
      token,
    });
    const body = JSON.stringify({ pid, person: author.wallet.id, untilMs: Date.now() + ASSIGNED_MS });
    const { status } = await node.send({
      method: 'POST',
      path: `/api/v1/orgs/${organisation}/assignments`,
      token,
      body,
    });
    if (status !== 204) throw new Error(`an assignment answered ${status}`);
  }
}
