/** Stands in `index.html` and in the policy where each answer has a nonce of its own. */
export const NONCE_PLACE = '__CSP_NONCE__';

/**
 * The content-security policy of every page of the app. Scripts come from the node's own files alone; styles too, but for
 * those that Mantine writes at run time, which carry the nonce. Nothing is asked of any other host.
 */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' 'nonce-${NONCE_PLACE}'`,
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "media-src 'self' blob:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');
