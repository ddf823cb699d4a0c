/** An edge that has no answer for so long is passed over. */
const patienceMs = 3000;
/** Most others that are known. */
const most = 8;

/**
 * The edges that have what the page's own server has. When that one does not answer, the others are asked, and the one that
 * did is asked first from then on: a page outlives the edge that it was loaded from.
 */
export class Edges {
  readonly #own: string;
  #others: readonly string[] = [];
  #current = '';

  /** `own`: the origin of the page. */
  constructor(own: string) {
    this.#own = own;
  }

  /** What stands in front of a path: nothing while the page's own server answers, else another edge's origin. */
  get origin(): string {
    return this.#current;
  }

  /** `urls`: of anything that edges have, the best first. They are asked before those that were learned earlier. */
  learn(urls: readonly string[]): void {
    const origins = urls.map((url) => /^https?:\/\/[^/]+/.exec(url)?.[0] ?? this.#own);
    this.#others = [...new Set([...origins, ...this.#others])].filter((origin) => origin !== this.#own).slice(0, most);
  }

  /**
   * Asks for a path here, or at the first of the others that answers; `ask` gets the address, and how long it may take where there is
   * another one to ask. An answer that only says that a server cannot is returned when all say so.
   */
  async ask<Answer extends { readonly status: number }>(path: string, ask: (url: string, patienceMs: number | null) => Promise<Answer>): Promise<Answer> {
    const all = [...new Set([this.#current, '', ...this.#others])];
    let last: Answer | null = null;
    let fault: unknown = null;
    for (const origin of all) {
      try {
        const answer = await ask(origin + path, all.length > 1 ? patienceMs : null);
        if (answer.status < 500) {
          this.#current = origin;
          return answer;
        }
        last ??= answer;
      } catch (error) {
        fault ??= error;
      }
    }
    if (last !== null) return last;
    throw fault;
  }
}
