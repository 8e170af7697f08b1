// Retries calls when the service is unavailable or its answer is lost.

export type Fetch = (request: Request) => Promise<Response>;
export type Sleep = (milliseconds: number) => Promise<void>;

export interface Patience {
  attempts: number;
  /** Milliseconds to wait if the answer has no Retry-After. */
  pause: number;
  sleep?: Sleep;
}

/**
 * A `fetch` that retries after a broken connection, and after a 503 once its Retry-After is over.
 *
 * Only for calls that are safe to repeat: after a lost answer the call may have been handled.
 */
export function retrying({ attempts, pause, sleep = wait }: Patience): Fetch {
  return async (request) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await fetch(request.clone()).catch((error: unknown) => error as Error);
      const lost = answer instanceof Error;
      if (attempt < attempts && (lost || answer.status === 503)) {
        await sleep(lost ? pause : secondsOf(answer, pause / 1000) * 1000);
      } else if (lost) {
        throw answer;
      } else {
        return answer;
      }
    }
  };
}

function secondsOf(answer: Response, otherwise: number): number {
  const said = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  return Number.isNaN(said) ? otherwise : said;
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
