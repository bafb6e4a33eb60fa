import { connect, createServer, type Socket } from 'node:net';

/** What lies between two nodes: passes bytes on, until it is told otherwise. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** The next bytes of an answer, on whatever connection, are lost with it. */
  loseNextAnswer(): void;
  /** Nobody gets through any more, or everybody again. */
  cut(isCut: boolean): void;
}

export async function openTcpProxy(port: number, target: () => number): Promise<TcpProxy> {
  let [losing, cut] = [false, false];
  const open = new Set<Socket>();
  const end = (...sockets: readonly Socket[]): void => {
    for (const socket of sockets) {
      socket.destroy();
      open.delete(socket);
    }
  };
  const server = createServer((near) => {
    if (cut) {
      near.destroy();
      return;
    }
    const far = connect(target(), '127.0.0.1');
    open.add(near).add(far);
    for (const socket of [near, far]) {
      socket.on('error', () => end(near, far));
      socket.on('close', () => end(near, far));
    }
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => {
      if (losing) {
        losing = false;
        end(near, far);
      } else near.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    loseNextAnswer: () => {
      losing = true;
    },
    cut: (isCut) => {
      cut = isCut;
      if (isCut) end(...open);
    },
    [Symbol.asyncDispose]: async () => {
      end(...open);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
