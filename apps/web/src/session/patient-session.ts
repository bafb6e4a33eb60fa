import {
  type ApiClient,
  ClientError,
  isCallRefused,
  logInPatient,
  logOut,
  type NodeSession,
  putBackup,
  submitCall,
  type UnansweredCall,
} from '@salus/client';
import { type PatientWallet, WalletError, type WalletErrorCode, withoutPid, withPid } from '@salus/wallet';
import type { WebDevice } from '@salus/wallet/web';
import { lastingSession } from './lasting-session.ts';
import { findPerson, keepPerson, type PatientPerson } from './person.ts';
import type { KeptWallet, PatientSession, WalletUpdate } from './session.ts';
import { NOTHING_UNFINISHED } from './unfinished.ts';

/** One tab at a time changes what the browser keeps of its patient. */
const LOCK = 'salus-wallet';
/** Tells the other tabs that something was kept. */
const CHANNEL = 'salus-wallet';

/** A patient's session, with what only the device itself does with it. */
export interface HeldPatient {
  readonly patient: PatientSession;
  /** Ends the sessions at every node. */
  end(): Promise<void>;
}

/** @param onChange is called when the wallet or the state of its backup changed: pages show the new one. */
export function patientSession(
  { api, nowMs, onChange }: { readonly api: ApiClient; nowMs(): number; onChange(): void },
  device: Pick<WebDevice, 'keys' | 'store'>,
  person: PatientPerson,
): HeldPatient {
  let kept: KeptWallet = { content: person.content, unfinished: person.unfinished ?? NOTHING_UNFINISHED };
  const walletOf = (): PatientWallet => ({ content: kept.content, keys: device.keys });
  const { network } = person.content;
  const sessions = new Map<string, ReturnType<typeof lastingSession<NodeSession>>>();
  const sessionOf = (pid: string) => {
    const known = sessions.get(pid);
    if (known !== undefined) return known;
    const made = lastingSession(
      () => logInPatient(api, walletOf(), pid),
      () => undefined,
    );
    sessions.set(pid, made);
    return made;
  };
  const { seal, close } = keptWallet(device, (newest) => {
    kept = newest;
    onChange();
  });
  const backUp = async (): Promise<void> => {
    const wallet = walletOf();
    const isDone = await backUpAt(kept, async (pid) => putBackup(await sessionOf(pid).open(), wallet));
    // What changed meanwhile is not in this backup.
    if (isDone) {
      await seal(({ content, unfinished }) => ({
        content,
        unfinished: { ...unfinished, owesBackup: JSON.stringify(content) !== JSON.stringify(wallet.content) },
      }));
    }
  };
  const resume = async (): Promise<void> => {
    for (const sent of kept.unfinished.calls) await resumeCall(api, seal, sent);
    if (kept.unfinished.owesBackup) await backUp();
  };
  const patient: PatientSession = {
    network,
    demonstration: person.demonstration,
    store: device.store,
    get wallet() {
      return walletOf();
    },
    get unfinished() {
      return kept.unfinished;
    },
    get pids() {
      return kept.content.pids;
    },
    get isBackedUp() {
      return !kept.unfinished.owesBackup;
    },
    at: (pid) => sessionOf(pid).open(),
    occasion: () => ({ network, nowMs: nowMs() }),
    backUp,
    seal,
    change: async (update) => {
      await seal(update);
      await backUp();
    },
    resume,
  };
  // What the page was left with goes on by itself; a wallet that is removed meanwhile owes nothing.
  if (kept.unfinished.calls.length > 0 || kept.unfinished.owesBackup) void resume().catch(passOver('wallet-missing'));
  return {
    patient,
    end: async () => {
      close();
      const open = [...sessions.values()].flatMap((session) => session.current() ?? []);
      await Promise.allSettled(open.map((session) => logOut(session)));
    },
  };
}

/** What the browser keeps of its patient, the same in all of its tabs: changed by one at a time, from the newest. */
function keptWallet(
  device: Pick<WebDevice, 'store'>,
  onNewest: (kept: KeptWallet) => void,
): { seal(update: WalletUpdate): Promise<void>; close(): void } {
  const channel = new BroadcastChannel(CHANNEL);
  let isOpen = true;
  const read = async (): Promise<PatientPerson> => {
    const person = await findPerson(device);
    if (person?.kind === 'patient') return person;
    throw new WalletError('wallet-missing', 'The wallet was removed from this browser.');
  };
  const keptOf = ({ content, unfinished = NOTHING_UNFINISHED }: PatientPerson): KeptWallet => ({ content, unfinished });
  channel.onmessage = () => {
    void findPerson(device).then((person) => {
      if (person?.kind === 'patient') onNewest(keptOf(person));
    });
  };
  const seal = (update: WalletUpdate): Promise<void> =>
    navigator.locks.request(LOCK, async () => {
      const person = await read();
      const before = keptOf(person);
      const { content, unfinished } = await update(before);
      const owesBackup = unfinished.owesBackup || content !== before.content;
      const next: KeptWallet = { content, unfinished: { ...unfinished, owesBackup } };
      await keepPerson(device, { ...person, ...next });
      onNewest(next);
      if (isOpen) channel.postMessage(null);
    });
  const close = (): void => {
    isOpen = false;
    channel.close();
  };
  return { seal, close };
}

function passOver(code: WalletErrorCode): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof WalletError) || error.code !== code) throw error;
  };
}

/** @returns whether every node has it; a pid whose claim is not answered yet has no session to leave it in. */
async function backUpAt({ content, unfinished }: KeptWallet, put: (pid: string) => Promise<void>): Promise<boolean> {
  let isDone = true;
  const unknown = new Set(unfinished.calls.map(({ pid }) => pid));
  for (const { pid } of content.pids) {
    try {
      if (unknown.has(pid)) isDone = false;
      else await put(pid);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // The devices page says so, and offers to do it again.
      isDone = false;
    }
  }
  return isDone;
}

/** A call that no answer came for is sent as it is: the ledger gives what became of it, or takes it now. */
async function resumeCall(api: ApiClient, seal: PatientSession['seal'], sent: UnansweredCall): Promise<void> {
  const { organisation, pid, before } = sent;
  let isRefused = false;
  try {
    await submitCall(api, organisation, sent);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    if (!isCallRefused(error)) return;
    isRefused = true;
  }
  await seal((kept) => {
    const { content, unfinished } = kept;
    // Another tab has asked as well, and what came afterwards stays.
    if (!unfinished.calls.some(({ call }) => call.signature === sent.call.signature)) return kept;
    const refused = before === null ? withoutPid(content, pid) : withPid(content, before);
    const calls = unfinished.calls.filter(({ call }) => call.signature !== sent.call.signature);
    return { content: isRefused ? refused : content, unfinished: { ...unfinished, calls } };
  });
}
