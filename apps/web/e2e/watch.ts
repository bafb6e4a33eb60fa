import type { BrowserContext, Page } from 'playwright-core';

/** What no page may do, gathered while it is open. */
export interface Watch {
  /** One sentence for each thing that was wrong. */
  readonly problems: string[];
}

/**
 * Watches every page of a context: content-security violations, errors that nobody caught, errors on the console, and
 * requests to any other host than the node.
 */
export async function watch(context: BrowserContext, nodeUrl: string): Promise<Watch> {
  const problems: string[] = [];
  const origin = new URL(nodeUrl).origin;
  await context.exposeBinding('salusViolation', (_source, text: string) => {
    problems.push(`content-security policy: ${text}`);
  });
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile }) => {
      const told = window as unknown as { readonly salusViolation: (text: string) => void };
      told.salusViolation(`${violatedDirective} blocked ${blockedURI} in ${sourceFile}`);
    });
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) problems.push(`asked another host: ${url.origin}`);
  });
  context.on('page', (page) => watchPage(page, problems));
  return { problems };
}

function watchPage(page: Page, problems: string[]): void {
  // What is thrown may be no Error: where it was and what it is called tell what message and stack do not.
  page.on('pageerror', ({ name, message, stack = '' }) =>
    problems.push(`uncaught on ${new URL(page.url()).pathname}: ${name} ${message}\n${stack}`),
  );
  page.on('console', (message) => {
    // A refused request is an answer that pages show; the browser writes each one on its console.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      problems.push(`console: ${message.text()}`);
    }
  });
}
