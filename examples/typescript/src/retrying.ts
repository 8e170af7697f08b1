// Asking again where the service was away or its answer was lost.

export type Fetch = (request: Request) => Promise<Response>;
export type Sleep = (milliseconds: number) => Promise<void>;

export interface Patience {
  attempts: number;
  /** Waited, in milliseconds, where the service does not say how long it will be away. */
  pause: number;
  sleep?: Sleep;
}

/**
 * Asks again after a broken connection and after a 503, for as long as its Retry-After says.
 *
 * Only for calls that may be made twice: nobody knows of a lost answer whether the call was heard.
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
