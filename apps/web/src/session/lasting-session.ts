import { type ApiClient, type ApiRequest, ClientError, type NodeSession } from '@salus/client';

/**
 * A session that is logged in when it is first needed and again when the node says that it is over. A page keeps the old
 * token in its hands for long: whatever it sends goes out with the newest.
 *
 * @param onOver is told what a log-in was refused for; the session is not tried again by itself then.
 */
export function lastingSession<Session extends NodeSession>(
  logIn: () => Promise<Session>,
  onOver: (error: unknown) => void,
): { open(): Promise<Session>; current(): Session | undefined } {
  let opening: Promise<Session> | undefined;
  let current: Session | undefined;
  const open = (): Promise<Session> => {
    opening ??= logIn().then(
      (session) => {
        current = { ...session, api: renewing(session.api) };
        return current;
      },
      (error: unknown) => {
        opening = undefined;
        onOver(error);
        throw error;
      },
    );
    return opening;
  };
  const sendWith = async <T>(request: ApiRequest, send: (request: ApiRequest) => Promise<T>): Promise<T> => {
    if (request.token === undefined) return send(request);
    const { token } = await open();
    try {
      return await send({ ...request, token });
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'not-authenticated') throw error;
      // Another request may have found out first.
      if (current?.token === token) [opening, current] = [undefined, undefined];
      return send({ ...request, token: (await open()).token });
    }
  };
  const renewing = (api: ApiClient): ApiClient => ({
    node: api.node,
    at: (organisation) => renewing(api.at(organisation)),
    send: (request) => sendWith(request, (with_) => api.send(with_)),
    sendText: (request) => sendWith(request, (with_) => api.sendText(with_)),
  });
  return { open, current: () => current };
}
