/** Between attempts: a node that is started again, or a device that changes its network, is back within seconds. */
const PAUSES_MS: readonly number[] = [500, 1_000, 2_000, 4_000];

/**
 * Fetches a part of the app, again where it did not come: browsers ask the node anew for a module that failed.
 *
 * @param load a dynamic import; `pausesMs`: one pause before each further attempt
 * @throws what the last attempt threw
 */
export async function fetchPart<Part>(load: () => Promise<Part>, pausesMs = PAUSES_MS): Promise<Part> {
  for (const pauseMs of pausesMs) {
    try {
      return await load();
    } catch {
      await new Promise((done) => setTimeout(done, pauseMs));
    }
  }
  return load();
}
