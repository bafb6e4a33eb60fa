import {
  type ApiClient,
  ClientError,
  confirmJoin,
  isUnanswered,
  logInPatient,
  offerDevice,
  openJoin,
  takeJoin,
  whileLoggedIn,
} from '@salus/client';
import { kidOf } from '@salus/crypto';
import type { WalletContent } from '@salus/wallet';
import type { SignIn } from '../../session/index.ts';
import { formatOffer, type Pairing } from './pairing.ts';

const NOT_YET: ReadonlySet<string> = new Set(['wrong-credentials', 'not-found']);
/** Too many requests, and a node or a proxy that is busy or starting. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Makes this browser a device with keys of its own for each pid, and tells what the old one needs to add it. */
export async function offerHere(signIn: SignIn, pairing: Pairing, pin: string): Promise<string> {
  await signIn.newDevice(pin);
  try {
    const pids = pairing.pids.map(({ pid }) => pid);
    return formatOffer(await offerDevice(pairing.network, signIn.ownKeys(), pids));
  } catch (error) {
    await signIn.forget();
    throw error;
  }
}

/**
 * Looks whether the old device has added this one and left the wallet's content. Its own keys log in: that they may is the
 * answer. The content is taken only from the device that showed the pairing: the node could leave one of its own making.
 *
 * @returns false where it has not yet.
 * @throws ClientError `bad-offer` where somebody else has left something
 */
export async function tryJoin(
  api: ApiClient,
  signIn: Pick<SignIn, 'ownKeys' | 'savePatient'>,
  { network, pids }: Pairing,
): Promise<boolean> {
  const [first] = pids;
  if (first === undefined) return false;
  const keys = signIn.ownKeys();
  const { pid, organisation } = first;
  const kid = kidOf((await keys.signer(pid)).publicKey);
  const content = emptyContent(network, [{ organisation, pid, kid, recoveryIndex: 0, sequence: 0 }]);
  let isKept = false;
  try {
    const session = await logInPatient(api, { content, keys }, pid);
    await whileLoggedIn(session, async () => {
      await signIn.savePatient(await openJoin(keys, await takeJoin(session, { network, pid }), first.kid));
      isKept = true;
      await confirmJoin(session);
    });
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    // What the node has not forgotten yet, only this device opens.
    if (!isKept && !mayComeLater(error)) throw error;
  }
  return isKept;
}

/** Added, left and answered later: a device that gave up here would leave one on the ledger that nobody has. */
function mayComeLater(error: ClientError): boolean {
  return NOT_YET.has(error.code) || PASSING.has(error.status ?? 0) || isUnanswered(error);
}

/** Just enough to log in with. */
function emptyContent(network: string, pids: WalletContent['pids']): WalletContent {
  return {
    version: 'salus:wallet:v1',
    network,
    pids,
    grants: [],
    recoveryKeys: [],
    recoveryNext: 0,
    backupKey: '',
    checkpoint: null,
  };
}
