/** The part of a document that tells whether anybody can see it. */
export type Visible = Pick<Document, 'hidden' | 'addEventListener' | 'removeEventListener'>;

/**
 * Runs `begin` whenever the page comes to be seen, until it is hidden: a browser opens six connections to a node over HTTP/1.1,
 * and a stream in each of somebody's tabs would leave none for what the pages ask. `isLater`: something may have happened since
 * the page was opened that it was not told.
 *
 * @returns how to end it
 */
export function whileVisible(page: Visible, begin: (signal: AbortSignal, isLater: boolean) => void): () => void {
  let running: AbortController | undefined;
  let isLater = page.hidden;
  const look = (): void => {
    if (page.hidden) {
      running?.abort();
      running = undefined;
    } else if (running === undefined) {
      running = new AbortController();
      begin(running.signal, isLater);
      isLater = true;
    }
  };
  look();
  page.addEventListener('visibilitychange', look);
  return () => {
    page.removeEventListener('visibilitychange', look);
    running?.abort();
  };
}
