export type Command =
  | 'toggle-play'
  | 'toggle-mute'
  | 'toggle-fullscreen'
  | 'toggle-pip'
  | 'volume-up'
  | 'volume-down'
  | 'back'
  | 'forward'
  | 'far-back'
  | 'far-forward'
  | 'go-first'
  | 'go-last'
  | 'toggle-help';

/** The keys, as the help shows them. */
export const keyHelp: readonly (readonly [keys: string, what: string])[] = [
  ['Space or K', 'Play or pause'],
  ['M', 'Mute or unmute'],
  ['↑ ↓', 'Volume'],
  ['← →', '5 seconds back, forward'],
  ['J, L', '10 seconds back, forward'],
  ['Home, End', 'Beginning, live or end'],
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
    case 'j':
      return 'far-back';
    case 'l':
      return 'far-forward';
    case '?':
      return 'toggle-help';
    case 'ArrowLeft':
      return on === 'slider' ? null : 'back';
    case 'ArrowRight':
      return on === 'slider' ? null : 'forward';
    case 'Home':
      return on === 'slider' ? null : 'go-first';
    case 'End':
      return on === 'slider' ? null : 'go-last';
    case 'ArrowUp':
      return on === 'slider' ? null : 'volume-up';
    case 'ArrowDown':
      return on === 'slider' ? null : 'volume-down';
    default:
      return null;
  }
}
