import {
  EnterFullscreenIcon,
  LeaveFullscreenIcon,
  MutedIcon,
  PauseIcon,
  PipIcon,
  PlayIcon,
  VolumeIcon,
} from './icons.tsx';
import type { Command } from './keys.ts';
import type { Player } from './player.ts';
import { QualityMenu } from './quality-menu.tsx';
import { SeekBar, SeekTime } from './seek-bar.tsx';
import type { View } from './state.ts';

interface ControlsProps {
  readonly player: Player;
  readonly view: View;
  readonly fullscreen: boolean;
  readonly pip: boolean;
  readonly act: (command: Command) => void;
}

/** The bar at the lower edge. Without a broadcast only what still has a use is there. */
export function Controls({ player, view, fullscreen, pip, act }: ControlsProps) {
  const { phase } = view;
  const onAir = phase === 'playing' || phase === 'paused' || phase === 'stalled' || phase === 'loading';
  const playing = phase === 'playing' || phase === 'stalled';
  const silent = view.muted || view.volume === 0;
  // A broadcast that has just begun has nothing to go back to.
  const seekable = onAir && view.seekable !== null && view.seekable.end - view.seekable.start > 5 ? view.seekable : null;
  return (
    <div class="controls" data-seek={seekable !== null}>
      {seekable && (
        <SeekBar
          seekable={seekable}
          broadcast={view.audioOnly ? null : (view.broadcast?.id ?? null)}
          onSeek={(seconds) => player.seek(seconds)}
          onStep={(seconds) => player.step(seconds)}
          onEnd={(end) => player.goTo(end)}
        />
      )}
      {onAir && (
        <button
          type="button"
          class="control"
          aria-label={playing ? 'Pause' : 'Play'}
          title={playing ? 'Pause (K)' : 'Play (K)'}
          onClick={() => act('toggle-play')}
        >
          {playing ? <PauseIcon /> : <PlayIcon />}
        </button>
      )}
      <div class="volume">
        <button
          type="button"
          class="control"
          aria-label={silent ? 'Unmute' : 'Mute'}
          title={silent ? 'Unmute (M)' : 'Mute (M)'}
          onClick={() => act('toggle-mute')}
        >
          {silent ? <MutedIcon /> : <VolumeIcon volume={view.volume} />}
        </button>
        <input
          class="volume-slider"
          type="range"
          min="0"
          max="100"
          step="1"
          aria-label="Volume"
          value={Math.round((view.muted ? 0 : view.volume) * 100)}
          onInput={(event) => player.setVolume(event.currentTarget.valueAsNumber / 100)}
        />
      </div>
      {onAir && !view.playBlocked && view.seekable?.live !== false && <LiveBadge view={view} onLive={() => player.goLive()} />}
      {seekable && <SeekTime seekable={seekable} />}
      <span class="controls-gap" />
      {onAir && <QualityMenu player={player} view={view} />}
      {onAir && pip && !view.audioOnly && (
        <button
          type="button"
          class="control control-pip"
          aria-label="Picture in picture"
          title="Picture in picture (P)"
          onClick={() => act('toggle-pip')}
        >
          <PipIcon />
        </button>
      )}
      <button
        type="button"
        class="control"
        aria-label={fullscreen ? 'Leave full screen' : 'Full screen'}
        title={fullscreen ? 'Leave full screen (F)' : 'Full screen (F)'}
        onClick={() => act('toggle-fullscreen')}
      >
        {fullscreen ? <LeaveFullscreenIcon /> : <EnterFullscreenIcon />}
      </button>
    </div>
  );
}

/** LIVE with the measured latency; the way back to live when playback is behind it. */
function LiveBadge({ view, onLive }: { view: View; onLive: () => void }) {
  const latency = view.latencySeconds;
  const shown = view.phase === 'playing' && latency !== null ? `${latency.toFixed(1)} s` : '';
  if (view.behindLive) {
    return (
      <button type="button" class="live" data-behind="true" title="Go to live (End)" onClick={onLive}>
        <span class="live-dot" />
        Go to live
      </button>
    );
  }
  return (
    <span class="live" data-behind="false" title={shown === '' ? 'Live' : `Live, ${shown} behind the streamer`}>
      <span class="live-badge">LIVE</span>
      {shown !== '' && <span class="live-latency">{shown}</span>}
    </span>
  );
}
