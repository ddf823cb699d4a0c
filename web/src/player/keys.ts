export type Command =
  | 'toggle-play'
  | 'toggle-mute'
  | 'toggle-fullscreen'
  | 'toggle-pip'
  | 'volume-up'
  | 'volume-down'
  | 'go-live'
  | 'toggle-help';

/** The keys, as the help shows them. */
export const keyHelp: readonly (readonly [keys: string, what: string])[] = [
  ['Space or K', 'Play or pause'],
  ['M', 'Mute or unmute'],
  ['↑ ↓', 'Volume'],
  ['L', 'Go to live'],
  ['F', 'Full screen'],
  ['P', 'Picture in picture'],
  ['?', 'This help'],
];

/**
 * What a key does, null when nothing. `on` says what has the focus: in a `field` all keys belong to it, on a
 * `button` the space bar does.
 */
export function commandForKey(
  key: string,
  modified: boolean,
  on: 'page' | 'button' | 'slider' | 'field',
): Command | null {
  if (modified || on === 'field') return null;
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case ' ':
      return on === 'button' ? null : 'toggle-play';
    case 'k':
      return 'toggle-play';
    case 'm':
      return 'toggle-mute';
    case 'f':
      return 'toggle-fullscreen';
    case 'p':
      return 'toggle-pip';
    case 'l':
      return 'go-live';
    case '?':
      return 'toggle-help';
    case 'ArrowUp':
      return on === 'slider' ? null : 'volume-up';
    case 'ArrowDown':
      return on === 'slider' ? null : 'volume-down';
    default:
      return null;
  }
}
