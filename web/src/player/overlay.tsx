import { PlayIcon, SoundIcon } from './icons.tsx';
import { describeProblem } from './problem.ts';
import type { View } from './state.ts';

interface OverlayProps {
  readonly channel: string;
  /** The page is for one broadcast. */
  readonly isReplay: boolean;
  readonly view: View;
  readonly onPlay: () => void;
  readonly onRetry: () => void;
  /** Plays what has ended once more. */
  readonly onAgain: () => void;
}

/** What lies over the picture: never a blank box, always words for what is going on. */
export function Overlay({ channel, isReplay, view, onPlay, onRetry, onAgain }: OverlayProps) {
  const { phase, problem } = view;
  if (view.playBlocked) {
    return (
      <div class="overlay" data-kind="play">
        <button type="button" class="big-play" aria-label="Play" onClick={onPlay}>
          <PlayIcon />
        </button>
      </div>
    );
  }
  if (problem) {
    const message = describeProblem(problem);
    return (
      <Panel title={message.title} text={message.text} busy={message.busy} kind={phase === 'error' ? 'full' : 'dim'}>
        {phase === 'error' && problem.kind !== 'unsupported' && (
          <button type="button" class="plain-button" onClick={onRetry}>
            Try again now
          </button>
        )}
      </Panel>
    );
  }
  switch (phase) {
    case 'waiting':
      if (isReplay) {
        return (
          <Panel title="There is no such broadcast" text="It was taken down, has left with time, or never was." kind="full">
            <a class="plain-button" href="/">
              See who is live
            </a>
          </Panel>
        );
      }
      return <Panel title={`${channel} is offline`} text="It starts by itself when the channel goes live." kind="full" />;
    case 'ended':
      return isReplay ? (
        <Panel title={view.unknown ? 'The broadcast was taken down' : 'That was the broadcast'} text={channel} kind="full">
          {!view.unknown && (
            <button type="button" class="plain-button" onClick={onAgain}>
              Watch it again
            </button>
          )}
        </Panel>
      ) : (
        <Panel title="The broadcast has ended" text={`The next one starts by itself when ${channel} goes live.`} kind="full">
          {view.broadcast?.rewinds === true && (
            <a class="plain-button" href={`/b/${view.broadcast.id}`}>
              Watch the replay
            </a>
          )}
        </Panel>
      );
    case 'loading':
    case 'stalled':
      return (
        <div class="overlay" data-kind="spinner" role="status">
          <span class="spinner" />
          <span class="sr-only">{phase === 'loading' ? 'Loading' : 'Buffering'}</span>
        </div>
      );
    case 'playing':
    case 'paused':
      return view.audioOnly ? (
        <div class="overlay" data-kind="audio">
          <SoundIcon />
          <p>Audio only</p>
        </div>
      ) : null;
    case 'error':
      return <Panel title="Something went wrong" text="Trying again." busy kind="full" />;
  }
}

interface PanelProps {
  readonly title: string;
  readonly text: string;
  readonly kind: 'full' | 'dim';
  readonly busy?: boolean;
  readonly children?: preact.ComponentChildren;
}

function Panel({ title, text, kind, busy = false, children }: PanelProps) {
  return (
    <div class="overlay" data-kind={kind} role="status">
      {busy && <span class="spinner" data-small />}
      <p class="overlay-title">{title}</p>
      <p class="overlay-text">{text}</p>
      {children}
    </div>
  );
}
