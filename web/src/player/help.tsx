import { useEffect, useRef } from 'preact/hooks';
import { keyHelp } from './keys.ts';

/** The keys, over the picture. */
export function Help({ onClose }: { onClose: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <div class="overlay" data-kind="help" role="dialog" aria-label="Keyboard">
      <p class="overlay-title">Keyboard</p>
      <dl class="keys">
        {keyHelp.map(([keys, what]) => (
          <div key={keys}>
            <dt>{keys}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button ref={button} type="button" class="plain-button" onClick={onClose}>
        Close
      </button>
    </div>
  );
}
