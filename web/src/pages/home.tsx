import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { fetchChannels } from '../api.ts';
import type { ChannelInfo } from '../api.ts';
import { backoffMs } from '../backoff.ts';
import { ServerClock } from '../clock.ts';
import { previewUrl } from '../preview.ts';
import { Header } from './header.tsx';
import { Since } from './since.tsx';
import '../styles/base.css';
import '../styles/pages.css';

const refreshMs = 5000;

/** `/`: who is on air now. */
function Home() {
  const [channels, setChannels] = useState<readonly ChannelInfo[] | null>(null);
  const [unreachable, setUnreachable] = useState(false);

  useEffect(() => {
    const closing = new AbortController();
    const clock = new ServerClock();
    let timer = 0;
    let unanswered = 0;
    let asking = false;
    const refresh = async () => {
      if (asking) return;
      asking = true;
      clearTimeout(timer);
      try {
        const answer = await fetchChannels(clock, closing.signal);
        unanswered = answer.kind === 'channels' ? 0 : unanswered + 1;
        setUnreachable(answer.kind === 'unreachable');
        if (answer.kind === 'channels') setChannels(answer.channels);
      } catch {
        return; // Closed.
      } finally {
        asking = false;
      }
      // A page that nobody sees asks again when it is looked at.
      if (document.visibilityState === 'visible') {
        const delay = unanswered > 0 ? backoffMs(unanswered, 1000, 10_000) : backoffMs(1, refreshMs, refreshMs);
        timer = setTimeout(() => void refresh(), delay);
      }
    };
    const look = () => {
      if (document.visibilityState === 'visible') void refresh();
    };
    document.addEventListener('visibilitychange', look, { signal: closing.signal });
    void refresh();
    return () => {
      closing.abort();
      clearTimeout(timer);
    };
  }, []);

  const live = channels?.filter((channel) => channel.live) ?? null;
  return (
    <>
      <Header />
      <main class="home">
        <h1>Live now</h1>
        {unreachable && (
          <p class="home-note" role="status">
            Cannot reach the server. Trying again until it answers.
          </p>
        )}
        {live === null && !unreachable && <p class="home-note">Loading…</p>}
        {live?.length === 0 && !unreachable && <p class="home-note">Nobody is live at the moment. This page keeps looking.</p>}
        {live !== null && live.length > 0 && (
          <ul class="channels">
            {live.map((channel) => (
              <li key={channel.name}>
                <a class="channel" href={`/c/${channel.name}`}>
                  <span class="channel-picture">
                    <Thumbnail channel={channel} />
                    <span class="live-badge">LIVE</span>
                  </span>
                  <span class="channel-words">
                    <span class="channel-name">{channel.name}</span>
                    {channel.title !== null && <span class="channel-title">{channel.title}</span>}
                    {channel.startedAt !== null && (
                      <span class="channel-since">
                        <Since startedAt={channel.startedAt} />
                      </span>
                    )}
                  </span>
                </a>
              </li>
            ))}
          </ul>
        )}
      </main>
    </>
  );
}

/** The newest picture of a channel; nothing, on the card's own ground, while there is none. */
function Thumbnail({ channel }: { channel: ChannelInfo }) {
  const [missing, setMissing] = useState<string | null>(null);
  if (channel.previewAt === null || channel.previewAt === missing) return null;
  const small = previewUrl(channel.name, channel.previewAt, 320);
  const large = previewUrl(channel.name, channel.previewAt, 640);
  const made = channel.previewAt;
  return (
    <img
      class="channel-thumbnail"
      src={small}
      srcset={`${small} 320w, ${large} 640w`}
      sizes="(width < 520px) 100vw, 280px"
      alt=""
      decoding="async"
      onError={() => setMissing(made)}
    />
  );
}

render(<Home />, document.getElementById('app')!);
