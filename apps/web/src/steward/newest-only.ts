/** Where the answer to the newest question goes. */
interface Answers<Answer> {
  onAnswer(answer: Answer): void;
  onFailure(error: unknown): void;
}

/** Questions that may overtake each other: only the newest is answered, whichever comes back last. */
export function newestOnly<Answer>({ onAnswer, onFailure }: Answers<Answer>): {
  ask(question: () => Promise<Answer>): void;
  drop(): void;
} {
  let newest = 0;
  const ask = (question: () => Promise<Answer>): void => {
    newest += 1;
    const turn = newest;
    question().then(
      (answer) => {
        if (turn === newest) onAnswer(answer);
      },
      (error: unknown) => {
        if (turn === newest) onFailure(error);
      },
    );
  };
  /** Nobody waits for an answer any more. */
  const drop = (): void => {
    newest += 1;
  };
  return { ask, drop };
}
