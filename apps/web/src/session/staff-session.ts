import { type ApiClient, ClientError, delegateToNode, logInStaff, logOut, type StaffNodeSession } from '@salus/client';
import { canonicalBytes, fromUtf8 } from '@salus/crypto';
import { type StaffWallet, WalletError } from '@salus/wallet';
import type { WebDevice } from '@salus/wallet/web';
import { heldCheckpoint } from './held-checkpoint.ts';
import { lastingSession } from './lasting-session.ts';
import type { StaffPerson } from './person.ts';
import type { StaffSession } from './session.ts';

export const STAFF_KEY = 'staff';
const TOKEN = 'token';

/** The session of a member of staff, with what only the device itself does with it. */
export interface HeldStaff {
  readonly staff: StaffSession;
  end(): Promise<void>;
}

interface Surroundings {
  readonly api: ApiClient;
  nowMs(): number;
  /** The session is over, and only the password opens another. */
  onOver(): void;
}

/**
 * Logs a member of staff in, with a password or with the session that this device kept over a reload.
 *
 * @returns undefined where there is neither a password nor a session that still holds.
 * @throws ClientError as the log-in does
 */
export async function openStaffSession(
  { api, nowMs, onOver }: Surroundings,
  device: WebDevice,
  person: StaffPerson,
  typed?: string,
): Promise<HeldStaff | undefined> {
  const signer = device.findSigner(STAFF_KEY);
  if (signer === undefined) throw new WalletError('bad-wallet', 'This device holds no key of this person.');
  const { network, organisation, id, roles, chain, account } = person;
  const wallet: StaffWallet = { network, organisation, id, roles, chain, signer };
  const password = typed ?? person.password;
  const kept = typed === undefined ? await resume(api, device, organisation) : undefined;
  if (kept === undefined && password === null) return undefined;
  let first = kept;
  let delegated: Promise<void> | undefined;
  const lasting = lastingSession(async () => {
    const [resumed] = [first];
    first = undefined;
    delegated = undefined;
    if (resumed !== undefined) return resumed;
    if (password === null) throw new ClientError({ relayed: 'not-authenticated', status: 401 }, 'The session is over.');
    const opened = await logInStaff(api, { organisation, account, password });
    await device.store.put(TOKEN, canonicalBytes({ token: opened.token, nodeId: opened.nodeId }));
    return opened;
  }, onOver);
  await lasting.open();
  const session = (): StaffNodeSession => {
    const current = lasting.current();
    if (current === undefined)
      throw new ClientError({ relayed: 'not-authenticated', status: 401 }, 'The session is over.');
    return current;
  };
  const atWork = () => ({ session: session(), wallet, occasion: { network, nowMs: nowMs() } });
  const staff: StaffSession = {
    ...{ organisation, id, roles, account, wallet, store: device.store },
    get session() {
      return session();
    },
    atWork,
    follow: async () => heldCheckpoint(device.store, network, nowMs).follow(session()),
    delegate: () => {
      const asked = delegated ?? delegateToNode(atWork());
      delegated = asked;
      return asked.catch((error: unknown) => {
        delegated = undefined;
        throw error;
      });
    },
  };
  return {
    staff,
    end: async () => {
      await device.store.remove(TOKEN);
      const current = lasting.current();
      if (current !== undefined) await Promise.allSettled([logOut(current)]);
    },
  };
}

/** The session that lay here over a reload, where the node still knows it. */
async function resume(api: ApiClient, device: WebDevice, organisation: string): Promise<StaffNodeSession | undefined> {
  const kept = await device.store.find(TOKEN);
  if (kept === undefined) return undefined;
  const { token, nodeId } = JSON.parse(fromUtf8(kept)) as { readonly token: string; readonly nodeId: string };
  try {
    await api.send({ method: 'GET', path: '/api/v1/session', token });
    return { api: api.at(organisation), organisation, token, nodeId };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    // Offline: what is kept here can still be read.
    return error.code === 'node-unreachable' ? { api: api.at(organisation), organisation, token, nodeId } : undefined;
  }
}
