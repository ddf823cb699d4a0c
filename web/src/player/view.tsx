import { useEffect, useRef, useState } from 'preact/hooks';
import { Controls } from './controls.tsx';
import { Help } from './help.tsx';
import { commandForKey } from './keys.ts';
import type { Command } from './keys.ts';
import { Overlay } from './overlay.tsx';
import { Player } from './player.ts';
import { previewUrl } from '../preview.ts';
import { largeStep, smallStep } from './seekable.ts';
import { fullscreenElement, pipAvailable, toggleFullscreen, togglePip } from './screen.ts';
import type { Probe, View } from './state.ts';

declare global {
  interface Window {
    /** The player on this page, for tests and for looking. Values are read when asked for. */
    millrace?: Probe;
  }
}

export interface PlayerViewProps {
  /** The channel to follow, live; empty for one broadcast. */
  readonly channel: string;
  /** The one broadcast to play from its beginning, or from `startSeconds` on its clock. */
  readonly broadcast?: string | null;
  readonly startSeconds?: number | null;
  readonly autoplay?: boolean;
  readonly muted?: boolean;
  /** Told of every change, for the page around the player. */
  readonly onView?: (view: View) => void;
}

const idleAfterMs = 2800;

/** The player as a component. A page has one: it owns the page's keys and `window.millrace`. */
export function PlayerView({ channel, broadcast = null, startSeconds = null, autoplay = true, muted = false, onView }: PlayerViewProps) {
  const root = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [player, setPlayer] = useState<Player | null>(null);
  const [view, setView] = useState<View | null>(null);
  const [help, setHelp] = useState(false);
  const [fullscreen, setFullscreen] = useState(false);
  const { idle, wake, sleep } = useIdle(root, view?.phase === 'playing' && !view.audioOnly && !help);

  useEffect(() => {
    if (!video.current) return;
    const created = new Player(video.current, { channel, broadcast, startSeconds, autoplay, muted });
    const show = () => setView(created.view);
    const unwatch = created.watch(show);
    Object.defineProperty(window, 'millrace', { configurable: true, get: () => created.probe });
    setPlayer(created);
    show();
    return () => {
      unwatch();
      created.close();
      delete window.millrace;
    };
  }, [channel, broadcast, startSeconds, autoplay, muted]);

  useEffect(() => {
    if (view) onView?.(view);
  }, [view, onView]);

  useEffect(() => {
    const changed = () => setFullscreen(fullscreenElement() !== null);
    const names = ['fullscreenchange', 'webkitfullscreenchange'];
    for (const name of names) document.addEventListener(name, changed);
    return () => {
      for (const name of names) document.removeEventListener(name, changed);
    };
  }, []);

  const act = (command: Command) => {
    if (!player || !root.current || !video.current) return;
    switch (command) {
      case 'toggle-play':
        return player.togglePlay();
      case 'toggle-mute':
        return player.setMuted(!video.current.muted);
      case 'toggle-fullscreen':
        return toggleFullscreen(root.current, video.current);
      case 'toggle-pip':
        return togglePip(video.current);
      case 'volume-up':
        return player.setVolume((video.current.muted ? 0 : video.current.volume) + 0.05);
      case 'volume-down':
        return player.setVolume((video.current.muted ? 0 : video.current.volume) - 0.05);
      case 'back':
        return player.step(-smallStep);
      case 'forward':
        return player.step(smallStep);
      case 'far-back':
        return player.step(-largeStep);
      case 'far-forward':
        return player.step(largeStep);
      case 'go-first':
        return player.goTo('first');
      case 'go-last':
        return player.goTo('last');
      case 'toggle-help':
        return setHelp((open) => !open);
    }
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') return setHelp(false);
      if (event.defaultPrevented) return;
      const command = commandForKey(event.key, event.ctrlKey || event.metaKey || event.altKey, focusKind(event.target));
      if (!command) return;
      event.preventDefault();
      wake();
      act(command);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });

  const phase = view?.phase ?? 'loading';
  const name = channel || (view?.info?.name ?? '');
  const previewAt = view?.info?.live && broadcast === null ? view.info.previewAt : null;
  return (
    <div
      ref={root}
      class="player"
      role="region"
      aria-label={broadcast === null ? `Live video of ${channel}` : `Broadcast of ${name}`}
      data-state={phase}
      data-channel={name}
      data-problem={view?.problem?.kind ?? ''}
      data-latency={view?.latencySeconds ?? ''}
      data-quality={view?.quality ?? ''}
      data-idle={idle}
      data-fullscreen={fullscreen}
      onPointerMove={wake}
      onPointerLeave={(event) => event.pointerType === 'mouse' && sleep()}
    >
      <video
        ref={video}
        class="player-video"
        playsInline
        preload="auto"
        poster={phase === 'loading' && previewAt !== null ? previewUrl(channel, previewAt, 640) : undefined}
        aria-label={broadcast === null ? `${channel}, live` : name}
        onPointerUp={(event) => {
          if (event.button !== 0) return;
          // A finger asks for the controls, a mouse means the video.
          if (event.pointerType === 'mouse') act('toggle-play');
          else if (idle) wake();
          else sleep();
        }}
        onDblClick={() => act('toggle-fullscreen')}
      />
      {player && view && (
        <>
          <Overlay
            channel={name}
            isReplay={broadcast !== null}
            view={view}
            onPlay={() => player.play()}
            onRetry={() => player.retryNow()}
            onAgain={() => player.again()}
          />
          {view.mutedByBrowser && !view.playBlocked && phase === 'playing' && (
            <button type="button" class="unmute" onClick={() => player.setMuted(false)}>
              Unmute
            </button>
          )}
          <Controls
            player={player}
            view={view}
            fullscreen={fullscreen}
            pip={pipAvailable(video.current)}
            act={act}
          />
          {help && <Help onClose={() => setHelp(false)} />}
        </>
      )}
    </div>
  );
}

/** True once nothing has moved for a while, as long as `may` holds and no control has the keyboard's focus or is pointed at. */
function useIdle(root: { current: HTMLDivElement | null }, may: boolean) {
  const [idle, setIdle] = useState(false);
  const timer = useRef(0);
  const allowed = useRef(may);
  allowed.current = may;
  const rest = () => {
    const focused = root.current?.querySelector(':focus-visible') ?? null;
    const open = root.current?.querySelector('[aria-expanded="true"]') ?? null;
    // A finger leaves no pointer behind, but browsers let it hover on what it touched last.
    const aimed = matchMedia('(hover: hover)').matches ? (root.current?.querySelector('.controls:hover') ?? null) : null;
    if (allowed.current && focused === null && open === null && aimed === null) setIdle(true);
  };
  const wake = () => {
    setIdle(false);
    clearTimeout(timer.current);
    timer.current = setTimeout(rest, idleAfterMs);
  };
  useEffect(() => {
    wake();
    return () => clearTimeout(timer.current);
  }, [may]);
  return { idle: idle && may, wake, sleep: rest };
}

function focusKind(target: EventTarget | null): 'page' | 'button' | 'slider' | 'field' {
  if (!(target instanceof HTMLElement)) return 'page';
  if (target instanceof HTMLInputElement) return target.type === 'range' ? 'slider' : 'field';
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable) return 'field';
  if (target.getAttribute('role') === 'slider') return 'slider';
  if (target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement) return 'button';
  return 'page';
}
