import { createHash } from 'node:crypto';

/** Seconds after which a page that waits for the wallet asks again; it needs no script. */
const WAIT_SECONDS = 3;

const STYLE = [
  ':root{color-scheme:light dark;font:1.125rem/1.5 system-ui,sans-serif}',
  'body{max-width:36rem;margin:2rem auto;padding:0 1rem}',
  'code{display:block;font-size:2rem;letter-spacing:.1em;margin:.5rem 0}',
  'label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit;margin:.25rem 0}',
  'input,button{padding:.5rem}button{margin-top:1rem;min-height:2.75rem}',
].join('');
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** `formTargets`: where a form may lead, redirects included. No script at all, no frame, nothing from elsewhere. */
export function pagePolicy(formTargets: readonly string[] = []): string {
  const forms = ["'self'", ...formTargets].join(' ');
  return `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action ${forms}; base-uri 'none'; frame-ancestors 'none'`;
}

export interface AskedPage {
  readonly organisation: string;
  readonly client: string;
  /** Host to which the browser returns. */
  readonly returnsTo: string;
  readonly scopes: readonly string[];
  /** `/{org}/oauth/interaction/{uid}` */
  readonly action: string;
  readonly problem?: string;
  /** The app wants a patient in context, and no record system says which. */
  readonly asksPatient?: boolean;
}

/** Shows a code that the patient's own wallet answers; the page asks again by itself. */
export function patientPage({ code, ...asked }: AskedPage & { readonly code: string }): string {
  return page(
    `${asked.client} asks for your records`,
    `${who(asked)}
<p>Approve it with your wallet, on whichever device it is. The wallet shows what this opens and signs your consent:</p>
<code>${escapeHtml(code)}</code>
<p><a href="/patient/apps/${escapeHtml(code)}" target="_blank" rel="noreferrer">Answer it in the web app on this device</a></p>
<p>On the command line: <kbd>salus patient approve-app ${escapeHtml(asked.organisation)} ${escapeHtml(code)}</kbd></p>
<p role="status">Waiting for your wallet. This page goes on by itself.</p>
<form method="get" action="${escapeHtml(asked.action)}"><button>I have approved it</button></form>
${declineForm(asked)}`,
    `<meta http-equiv="refresh" content="${WAIT_SECONDS}">`,
  );
}

/** A member of staff logs in with account and password. */
export function staffPage(asked: AskedPage): string {
  const problem = asked.problem === undefined ? '' : `<p role="alert">${escapeHtml(asked.problem)}</p>`;
  const patient =
    asked.asksPatient === true
      ? '<label for="patient">Patient (id of the record)</label><input id="patient" name="patient" maxlength="64">\n'
      : '';
  return page(
    `Log in to ${asked.organisation}`,
    `${who(asked)}${problem}
<form method="post" action="${escapeHtml(asked.action)}">
<label for="account">Account</label><input id="account" name="account" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
${patient}<button name="answer" value="allow">Log in and allow</button></form>
${declineForm(asked)}`,
  );
}

export function errorPage(error: string, description: string | undefined): string {
  const detail = description === undefined ? '' : `<p>${escapeHtml(description)}</p>`;
  return page(
    'The app cannot be let in',
    `<p role="alert">${escapeHtml(error)}</p>${detail}<p>Start again from the app.</p>`,
  );
}

function who({ organisation, client, returnsTo, scopes }: AskedPage): string {
  const list = scopes.map((scope) => `<li>${escapeHtml(scope)}</li>`).join('');
  return `<p><strong>${escapeHtml(client)}</strong>, which returns to <strong>${escapeHtml(returnsTo)}</strong>, asks ${escapeHtml(organisation)} for:</p><ul>${list}</ul>`;
}

function declineForm({ action }: AskedPage): string {
  return `<form method="post" action="${escapeHtml(action)}"><button name="answer" value="decline">Decline</button></form>`;
}

function page(title: string, body: string, head = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>${head}<style>${STYLE}</style></head><body><main><h1>${escapeHtml(title)}</h1>
${body}
</main></body></html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
