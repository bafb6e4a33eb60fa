import { ClientError } from '@salus/client';
import { type GrantFact, grantKey } from '@salus/contracts';
import type { GrantChoice } from '@salus/wallet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  badGateway,
  type PatientBrowser,
  type PatientNode,
  patientBrowser,
  patientNode,
} from '../../../test/patient-browser.ts';
import type { PatientSession } from '../../session/index.ts';
import { claimFirst, claimMore } from '../onboarding/claim.ts';
import { announce, endGrant, makeGrants, type Plan } from './decide.ts';
import { endDecision } from './grant-once.ts';

const DAY_MS = 86_400_000;
const DECISION = 'request/one';

let node: PatientNode;
let browser: PatientBrowser;
let patient: PatientSession;
beforeEach(async () => {
  node = await patientNode(['hospital-a', 'hospital-b', 'lab']);
  browser = patientBrowser(node);
  const first = node.newSlip('hospital-a');
  await claimFirst(browser.surroundings, browser.signIn, { slip: first.text, pin: '418 270' });
  ({ patient } = await browser.openTab());
  await claimMore(browser.surroundings, patient, node.newSlip('hospital-b').text);
});
afterEach(() => browser.close());

function plansOf(change: Partial<GrantChoice> = {}, laterMs = 0): readonly Plan[] {
  const nowMs = patient.occasion().nowMs + laterMs;
  return patient.pids.map((entry) => ({
    entry,
    choice: {
      pid: entry.pid,
      grantee: { kind: 'organisation', organisation: 'lab' },
      categories: ['laboratory'],
      labelClasses: ['N'],
      purposes: ['TREAT'],
      ...{ notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + DAY_MS },
      ...change,
    },
  }));
}

const decide = (plans = plansOf()) => makeGrants(patient, { decision: DECISION, plans }, () => undefined);

/** What the ledger holds for all pids. */
function held(): readonly GrantFact[] {
  return patient.pids.flatMap(({ pid }) =>
    [...node.ledger.state].flatMap(([key, fact]) => (key.startsWith(grantKey(pid, '')) ? [fact as GrantFact] : [])),
  );
}

describe('a decision about several places', () => {
  it.each([
    ['was not taken', { kind: 'refuse', error: badGateway() }],
    ['was made and not answered', { kind: 'lose' }],
  ] as const)('that is tried again makes no second grant, where the second %s', async (_, fault) => {
    node.disturb('/hospital-b/patient/grants', fault);
    await expect(decide()).rejects.toBeInstanceOf(ClientError);
    const again = await decide(plansOf({}, 90_000));
    expect(held()).toHaveLength(2);
    expect(new Set(again.map(({ grant }) => grant)).size).toBe(2);
    expect(patient.wallet.content.grants.map(({ terms }) => terms.grant).sort()).toEqual(
      again.map(({ grant }) => grant).sort(),
    );
  });

  it('goes on after the page was loaded again, and gives the tokens of what was made before', async () => {
    const plans = plansOf();
    await decide(plans);
    node.disturb('/tokens', { kind: 'refuse', error: badGateway() });
    await expect(announce(patient, plans[0]!, await decide(plans))).rejects.toBeInstanceOf(ClientError);
    ({ patient } = await browser.openTab());
    await announce(patient, plans[0]!, await decide(plansOf()));
    expect(held()).toHaveLength(2);
  });

  it('tells the grantee through each own node where the page does not reach theirs, and can be told again', async () => {
    const [first] = plansOf();
    const made = await decide();
    const away = new ClientError({ relayed: 'not-found', status: 404 }, 'no such organisation here');
    const unreachable = new ClientError({ relayed: 'peer-unreachable', status: 503 }, 'does not answer');
    for (const _ of made) node.disturb('/lab/tokens', { kind: 'refuse', error: away });
    node.disturb('/hospital-b/patient/handed-on', { kind: 'refuse', error: unreachable });
    await expect(announce(patient, first!, made)).rejects.toMatchObject({ code: 'peer-unreachable' });
    for (const _ of made) node.disturb('/lab/tokens', { kind: 'refuse', error: away });
    await announce(patient, first!, await decide());
    const handed = node.arrived.filter((name) => name.endsWith('/handed-on'));
    expect(handed).toEqual(
      ['a', 'b', 'a', 'b'].map((letter) => `POST /api/v1/orgs/hospital-${letter}/patient/handed-on`),
    );
    expect(held()).toHaveLength(2);
  });

  it('keeps terms and salt before the node is asked', async () => {
    node.disturb('/hospital-a/patient/grants', { kind: 'lose' });
    await expect(decide()).rejects.toBeInstanceOf(ClientError);
    const { content } = (await browser.kept())!;
    expect(content.grants).toHaveLength(1);
    const { terms } = content.grants[0]!;
    expect(node.ledger.state.has(grantKey(terms.pid, terms.grant))).toBe(true);
  });

  it('makes others for another choice, after its end, and for a grant that was ended since', async () => {
    await decide();
    await decide(plansOf({ categories: ['medication'] }));
    expect(held()).toHaveLength(4);
    await endDecision(patient, DECISION);
    const [made] = await decide();
    expect(held()).toHaveLength(6);
    await endGrant(patient, patient.pids[0]!.pid, made!.grant);
    const [anew] = await decide();
    expect(anew!.grant).not.toBe(made!.grant);
  });

  it('forgets a grant that the ledger refused', async () => {
    const { pid } = patient.pids[0]!;
    node.ledger.state.set(`patient/pid/${pid}`, { ...(node.patient(pid) as object), status: 'closed' });
    await expect(decide()).rejects.toMatchObject({ code: 'patient-closed' });
    expect(patient.wallet.content.grants).toEqual([]);
    expect(patient.unfinished.grants).toEqual([]);
  });

  it('keeps no terms that could not be read again, which would be the end of the wallet', async () => {
    const { nowMs } = patient.occasion();
    await expect(decide(plansOf({ notAfterMs: nowMs - DAY_MS }))).rejects.toMatchObject({ code: 'args-invalid' });
    expect((await browser.kept())!.content.grants).toEqual([]);
  });
});
