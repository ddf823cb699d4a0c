import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { clockText, fractionOf, largeStep, momentAt, momentText, smallStep, spokenText } from './seekable.ts';
import type { Seekable } from './seekable.ts';
import { SpriteSource } from './sprite-source.ts';

interface SeekBarProps {
  readonly seekable: Seekable;
  /** For the pictures over the bar; null without. */
  readonly broadcast: string | null;
  readonly onSeek: (seconds: number) => void;
  readonly onStep: (seconds: number) => void;
  /** To the beginning, or to the end of what there is. */
  readonly onEnd: (end: 'first' | 'last') => void;
}

/** How long a target is shown as the position before playback has got there. */
const settleMs = 1500;

/**
 * The bar over what can be seeked to. A pointer shows the moment under it with its picture; a press is followed until it is
 * let go, and only then seeks: each seek of a recording costs a viewer a new buffer.
 */
export function SeekBar({ seekable, broadcast, onSeek, onStep, onEnd }: SeekBarProps) {
  const bar = useRef<HTMLDivElement>(null);
  /** Where the pointer is, 0 to 1; null when it is elsewhere. */
  const [pointed, setPointed] = useState<number | null>(null);
  const [dragging, setDragging] = useState(false);
  const [target, setTarget] = useState<number | null>(null);
  const source = useMemo(() => (broadcast === null ? null : new SpriteSource(broadcast)), [broadcast]);

  useEffect(() => {
    if (target === null) return;
    const timer = setTimeout(() => setTarget(null), settleMs);
    return () => clearTimeout(timer);
  }, [target]);

  const place = (event: PointerEvent) => {
    const box = bar.current!.getBoundingClientRect();
    return box.width <= 0 ? 1 : Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const moment = pointed === null ? null : momentAt(seekable, pointed);
  const played = dragging && pointed !== null ? pointed : fractionOf(seekable, target ?? (seekable.atLive ? seekable.end : seekable.position));

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'ArrowLeft' || event.key === 'ArrowDown') onStep(-smallStep);
    else if (event.key === 'ArrowRight' || event.key === 'ArrowUp') onStep(smallStep);
    else if (event.key === 'PageDown') onStep(-6 * largeStep);
    else if (event.key === 'PageUp') onStep(6 * largeStep);
    else if (event.key === 'Home') onEnd('first');
    else if (event.key === 'End') onEnd('last');
    else return;
    event.preventDefault();
  };

  return (
    <div
      ref={bar}
      class="seek"
      role="slider"
      tabIndex={0}
      aria-label="Seek"
      aria-valuemin={Math.round(seekable.start)}
      aria-valuemax={Math.round(seekable.end)}
      aria-valuenow={Math.round(seekable.atLive ? seekable.end : seekable.position)}
      aria-valuetext={spokenText(seekable)}
      data-dragging={dragging}
      data-live={seekable.live}
      data-at-live={seekable.atLive}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        bar.current!.setPointerCapture(event.pointerId);
        setDragging(true);
        setPointed(place(event));
      }}
      onPointerEnter={(event) => setPointed(place(event))}
      onPointerMove={(event) => setPointed(place(event))}
      onPointerUp={(event) => {
        if (!dragging) return;
        const chosen = momentAt(seekable, place(event));
        setDragging(false);
        setTarget(chosen);
        if (event.pointerType !== 'mouse') setPointed(null);
        onSeek(chosen);
      }}
      onPointerCancel={() => {
        setDragging(false);
        setPointed(null);
      }}
      onPointerLeave={() => !dragging && setPointed(null)}
    >
      <svg class="seek-track" aria-hidden="true" width="100%" height="100%">
        <rect class="seek-rail" width="100%" height="100%" />
        {moment !== null && !dragging && <rect class="seek-reach" width={`${100 * fractionOf(seekable, moment)}%`} height="100%" />}
        <rect class="seek-played" width={`${100 * played}%`} height="100%" />
      </svg>
      <span class="seek-knob" style={{ left: `${100 * played}%` }} />
      {moment !== null && pointed !== null && (
        <Preview source={source} live={seekable.live} seconds={moment} fraction={pointed} text={momentText(seekable, moment)} />
      )}
    </div>
  );
}

interface PreviewProps {
  readonly source: SpriteSource | null;
  readonly live: boolean;
  readonly seconds: number;
  readonly fraction: number;
  readonly text: string;
}

/** The moment under the pointer: its picture, where there is one, and its time. */
function Preview({ source, live, seconds, fraction, text }: PreviewProps) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    void source?.refresh(live).then(() => redraw(null));
  }, [source, live, Math.floor(seconds / 10)]);
  const sprite = source?.at(seconds) ?? null;
  const width = sprite?.width ?? 64;
  return (
    <div
      class="seek-preview"
      // Beside the edges of the bar it stays whole.
      style={{ left: `clamp(${width / 2}px, ${100 * fraction}%, calc(100% - ${width / 2}px))` }}
    >
      {sprite && (
        <div
          class="seek-picture"
          data-second={Math.round(sprite.start)}
          style={{
            width: `${sprite.width}px`,
            height: `${sprite.height}px`,
            backgroundImage: `url("${sprite.sheet}")`,
            backgroundPosition: `-${sprite.x}px -${sprite.y}px`,
          }}
        />
      )}
      <span class="seek-time">{text}</span>
    </div>
  );
}

/** Where playback is, in words beside the buttons. */
export function SeekTime({ seekable }: { seekable: Seekable }) {
  if (!seekable.live) {
    return (
      <span class="seek-clock">
        {clockText(seekable.position - seekable.start)}
        <span class="seek-length"> / {clockText(seekable.end - seekable.start)}</span>
      </span>
    );
  }
  return seekable.atLive ? null : <span class="seek-clock">{momentText(seekable, seekable.position)}</span>;
}
