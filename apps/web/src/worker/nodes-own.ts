/** Beside the node's own policy, never instead of it: the stricter of the two counts (CSP Level 3 §8.1). */
const POLICY = "script-src 'none'; object-src 'none'; worker-src 'none'; base-uri 'none'";
/** The body is decoded already, and may be longer than what was sent. */
const OF_THE_SENDING = ['content-encoding', 'content-length'];

/**
 * A page that the node writes itself, below the API or at an app's log-in, stands in the app's own origin: it is shown, and
 * runs nothing that could use the keys of the device.
 */
export function withoutScripts(answer: Response): Response {
  // A redirect is followed by the browser, and comes back here.
  if (answer.type === 'opaqueredirect') return answer;
  const headers = new Headers(answer.headers);
  for (const name of OF_THE_SENDING) headers.delete(name);
  headers.append('content-security-policy', POLICY);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}
