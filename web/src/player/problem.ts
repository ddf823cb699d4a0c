/** What is wrong, in the terms the viewer is told. */
export type Problem =
  /** The server does not answer at all. */
  | { readonly kind: 'unreachable' }
  /** The server answers, the stream could not be loaded. */
  | { readonly kind: 'network'; readonly detail: string }
  /** This browser cannot decode it; `codecs` are readable names, possibly none. */
  | { readonly kind: 'codec'; readonly codecs: readonly string[] }
  /** Decoding failed again after it was recovered. */
  | { readonly kind: 'media'; readonly detail: string }
  /** Nothing new comes from the streamer, although the broadcast is on. */
  | { readonly kind: 'starved' }
  /** The browser has neither Media Source Extensions nor HLS. */
  | { readonly kind: 'unsupported' };

export interface Message {
  readonly title: string;
  readonly text: string;
  /** True when an attempt is under way or planned, so that the page can show it is working. */
  readonly busy: boolean;
}

/** The words for a problem. */
export function describeProblem(problem: Problem): Message {
  switch (problem.kind) {
    case 'unreachable':
      return { title: 'Cannot reach the server', text: 'Trying again until it answers.', busy: true };
    case 'network':
      return { title: 'The stream could not be loaded', text: `${problem.detail}. Trying again.`, busy: true };
    case 'codec': {
      const names = problem.codecs.join(' and ');
      return {
        title: 'This browser cannot play the stream',
        text: names === '' ? 'It does not support the codec.' : `It does not support ${names}.`,
        busy: false,
      };
    }
    case 'media':
      return { title: 'The video could not be decoded', text: `${problem.detail}. Trying again.`, busy: true };
    case 'starved':
      return { title: 'The signal is interrupted', text: 'Waiting for the streamer to come back.', busy: true };
    case 'unsupported':
      return {
        title: 'This browser cannot play live streams',
        text: 'It has neither Media Source Extensions nor HLS.',
        busy: false,
      };
  }
}
