import { useEffect, useState } from 'react';

/** A page in the background is not painted: what waits for that goes on all the same. */
const WAIT_MAX_MS = 1_000;

/** Once the browser has painted what was drawn last: what nobody sees yet starts then. */
export function afterPaint(): Promise<void> {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, WAIT_MAX_MS);
  });
}

/** False while the first page is drawn. */
export function useAfterPaint(): boolean {
  const [isPainted, setIsPainted] = useState(false);
  useEffect(() => {
    void afterPaint().then(() => setIsPainted(true));
  }, []);
  return isPainted;
}
