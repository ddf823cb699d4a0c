import { render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { broadcastFromPath, startFromQuery } from '../broadcast-id.ts';
import { channelFromPath } from '../channel-name.ts';
import type { View } from '../player/state.ts';
import { PlayerView } from '../player/view.tsx';
import { Clips } from './clips.tsx';
import { Header } from './header.tsx';
import { PastBroadcasts } from './past-broadcasts.tsx';
import { Replay } from './replay.tsx';
import { Since } from './since.tsx';
import '../styles/base.css';
import '../styles/player.css';
import '../styles/seek.css';
import '../styles/pages.css';
import '../styles/replay.css';

/** `/c/{channel}`: the player with what there is to say about the broadcast. */
function Watch({ channel }: { channel: string }) {
  const [view, setView] = useState<View | null>(null);
  const onView = useCallback((next: View) => setView(next), []);
  const info = view?.info ?? null;
  const live = info !== null && info.live && view?.phase !== 'ended';
  const title = info?.title ?? null;

  useEffect(() => {
    document.title = `${live && title !== null ? `${title} · ` : ''}${channel} · Millrace`;
  }, [channel, live, title]);

  return (
    <>
      <Header />
      <main class="watch">
        <div class="watch-stage">
          <PlayerView channel={channel} onView={onView} />
        </div>
        <section class="watch-about" aria-label="About this broadcast">
          <h1>{live && title !== null ? title : channel}</h1>
          <p class="watch-line">
            {live && title !== null && <span class="watch-channel">{channel}</span>}
            {live && info.startedAt !== null && <Since startedAt={info.startedAt} />}
            {(view?.phase === 'waiting' || view?.phase === 'ended') && <span>Offline</span>}
          </p>
        </section>
        {view !== null && <Clips of="channels" name={channel} live={live} />}
        {view !== null && <PastBroadcasts channel={channel} live={live} />}
      </main>
    </>
  );
}

function NoSuchBroadcast() {
  return (
    <>
      <Header />
      <main class="notice">
        <h1>There is no such broadcast</h1>
        <p>The address is not complete, or was never one.</p>
        <p>
          <a href="/">See who is live</a>
        </p>
      </main>
    </>
  );
}

function NoSuchChannel() {
  return (
    <>
      <Header />
      <main class="notice">
        <h1>There is no such channel</h1>
        <p>A channel's name has 3 to 64 characters: small letters, digits, hyphen and underscore.</p>
        <p>
          <a href="/">See who is live</a>
        </p>
      </main>
    </>
  );
}

function page() {
  if (location.pathname.startsWith('/b/')) {
    const broadcast = broadcastFromPath(location.pathname);
    return broadcast === null ? <NoSuchBroadcast /> : <Replay broadcast={broadcast} startSeconds={startFromQuery(location.search)} />;
  }
  const channel = channelFromPath(location.pathname);
  return channel === null ? <NoSuchChannel /> : <Watch channel={channel} />;
}

render(page(), document.getElementById('app')!);
