import { Counter, Gauge, type Registry } from 'prom-client';
import { type Node, readHosted } from '../node.ts';
import { readHl7Configuration } from './hl7-configuration.ts';
import { type Hl7Listener, openHl7Listener } from './hl7-listener.ts';
import { MESSAGE_TYPES } from './map-message.ts';
import { MessageHandler } from './message-handler.ts';

/** The doors for HL7 v2 of this node; closing them ends their connections. */
export interface Hl7Doors extends AsyncDisposable {
  readonly listeners: readonly { readonly organisation: string; readonly host: string; readonly port: number }[];
}

/** Opens what the file of `SALUS_HL7` asks for; none where there is no such setting. */
export async function openHl7(
  node: Node,
  {
    file,
    registry,
    onFailure,
  }: { readonly file: string | null; readonly registry: Registry; readonly onFailure: (error: unknown) => void },
): Promise<Hl7Doors> {
  const settings = file === null ? [] : readHl7Configuration(file);
  await using resources = new AsyncDisposableStack();
  const count = settings.length === 0 ? undefined : createCounts(node, registry, () => open);
  const open: { readonly organisation: string; readonly listener: Hl7Listener }[] = [];
  for (const listening of settings) {
    const organisation = readHosted(node, listening.organisation);
    const handler = new MessageHandler({ organisation, settings: listening, nowMs: node.nowMs, onFailure });
    const listener = await openHl7Listener({
      settings: listening,
      handler,
      // A sender writes what it likes there: only what is known becomes a label.
      onHandled: ({ taken, type }) =>
        count?.messages.inc({ taken, type: MESSAGE_TYPES.find((known) => known === type) ?? 'other' }),
      onRefused: (reason) => count?.refusedConnections.inc({ reason }),
      onFailure,
    });
    open.push({ organisation: organisation.slug, listener: resources.use(listener) });
  }
  const held = resources.move();
  return {
    listeners: open.map(({ organisation, listener }) => ({ organisation, host: listener.host, port: listener.port })),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function createCounts(
  node: Node,
  registry: Registry,
  listeners: () => readonly { readonly organisation: string; readonly listener: Hl7Listener }[],
) {
  const registers = [registry];
  new Gauge({
    name: 'salus_hl7_connections',
    help: 'Connections of HL7 v2 senders that are open.',
    registers,
    collect() {
      this.set(listeners().reduce((sum, { listener }) => sum + listener.connections, 0));
    },
  });
  new Gauge({
    name: 'salus_hl7_held_messages',
    help: 'Refused HL7 v2 messages that are kept until they are taken or put aside.',
    registers,
    async collect() {
      let held = 0;
      for (const organisation of new Set(listeners().map((open) => open.organisation))) {
        held += await readHosted(node, organisation).vault.heldMessages.count();
      }
      this.set(held);
    },
  });
  return {
    messages: new Counter({
      name: 'salus_hl7_messages_total',
      help: 'HL7 v2 messages by type and what became of them: accepted, repeated, refused, postponed.',
      labelNames: ['taken', 'type'],
      registers,
    }),
    refusedConnections: new Counter({
      name: 'salus_hl7_refused_connections_total',
      help: 'HL7 v2 connections that were turned away or ended, by reason.',
      labelNames: ['reason'],
      registers,
    }),
  };
}
