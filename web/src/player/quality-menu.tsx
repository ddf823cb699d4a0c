import { useEffect, useRef, useState } from 'preact/hooks';
import { CheckIcon, SettingsIcon } from './icons.tsx';
import type { Player } from './player.ts';
import type { View } from './state.ts';

/** Choice of quality. With one variant there is nothing to choose: then it only says what is showing. */
export function QualityMenu({ player, view }: { player: Player; view: View }) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    root.current?.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
    const closeOutside = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener('pointerdown', closeOutside);
    return () => document.removeEventListener('pointerdown', closeOutside);
  }, [open]);

  if (view.choices.length < 2) {
    return view.quality === '' || view.audioOnly ? null : <span class="quality-label">{view.quality}</span>;
  }

  const close = () => {
    setOpen(false);
    root.current?.querySelector<HTMLElement>('.control')?.focus();
  };
  const choose = (index: number) => {
    player.choose(index);
    close();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const items = [...(root.current?.querySelectorAll<HTMLElement>('[role="menuitemradio"]') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === 'Escape') close();
    else if (event.key === 'ArrowDown') items[(at + 1) % items.length]?.focus();
    else if (event.key === 'ArrowUp') items[(at - 1 + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const entries = [
    { index: -1, label: view.chosen === -1 && view.quality !== '' ? `Auto (${view.quality})` : 'Auto' },
    ...view.choices,
  ];
  return (
    <div class="quality" ref={root} onKeyDown={onKeyDown}>
      {open && (
        <div class="menu" role="menu" aria-label="Quality">
          {entries.map((entry) => (
            <button
              key={entry.index}
              type="button"
              class="menu-item"
              role="menuitemradio"
              aria-checked={entry.index === view.chosen}
              onClick={() => choose(entry.index)}
            >
              <CheckIcon />
              {entry.label}
            </button>
          ))}
        </div>
      )}
      <button
        type="button"
        class="control control-quality"
        aria-label={`Quality${view.quality === '' ? '' : `, now ${view.quality}`}`}
        aria-haspopup="menu"
        aria-expanded={open}
        title="Quality"
        onClick={() => setOpen(!open)}
      >
        <SettingsIcon />
        <span class="control-text">{view.quality}</span>
      </button>
    </div>
  );
}
