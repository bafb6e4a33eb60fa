/** One frame of a server-sent event stream (HTML Living Standard §9.2). */
export interface EventFrame {
  readonly kind: string;
  readonly data: string;
}

/** A frame holds a kind and ids; one that is longer is none of ours. */
const FRAME_CHARS_MAX = 16 * 1024;

/**
 * Cuts the text of a stream into frames, wherever the network cut it. Comments, which keep the stream open, are left out.
 *
 * @throws RangeError where a frame does not end
 */
export class EventFrames {
  #rest = '';

  take(text: string): readonly EventFrame[] {
    const blocks = (this.#rest + text).replaceAll('\r\n', '\n').split('\n\n');
    this.#rest = blocks.pop() ?? '';
    if (this.#rest.length > FRAME_CHARS_MAX) throw new RangeError('an event is longer than any that a node sends');
    return blocks.flatMap((block) => frameOf(block) ?? []);
  }
}

function frameOf(block: string): EventFrame | undefined {
  let kind = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [name, value] = fieldOf(line);
    if (name === 'event') kind = value;
    else if (name === 'data') data.push(value);
  }
  return data.length === 0 ? undefined : { kind, data: data.join('\n') };
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}
