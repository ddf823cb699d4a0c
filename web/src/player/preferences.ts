/** What a viewer chose once and expects again. */
export interface Preferences {
  /** 0 to 1. */
  readonly volume: number;
  readonly muted: boolean;
}

const key = 'millrace.player';
const defaults: Preferences = { volume: 1, muted: false };

/** Storage may be denied (private mode, embedded third party): then the defaults hold and nothing is kept. */
export function loadPreferences(): Preferences {
  try {
    return parsePreferences(localStorage.getItem(key));
  } catch {
    return defaults;
  }
}

export function savePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(key, JSON.stringify(preferences));
  } catch {
    // Not kept; see above.
  }
}

/** Reads what was stored; anything unexpected gives the defaults. */
export function parsePreferences(text: string | null): Preferences {
  if (text === null) return defaults;
  try {
    const value = JSON.parse(text) as Partial<Record<keyof Preferences, unknown>> | null;
    const volume = value?.volume;
    return {
      volume: typeof volume === 'number' && volume >= 0 && volume <= 1 ? volume : defaults.volume,
      muted: value?.muted === true,
    };
  } catch {
    return defaults;
  }
}
