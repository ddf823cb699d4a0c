import { useEffect, useState } from 'preact/hooks';
import { fetchBroadcasts } from '../api.ts';
import type { BroadcastInfo } from '../api.ts';
import { ServerClock } from '../clock.ts';
import { clockText } from '../player/seekable.ts';
import { Began } from './replay.tsx';

/** More than a screen of them is a search, which this is not. */
const shown = 30;

/** What can be watched again of a channel; nothing when there is nothing. `live` changes when a broadcast begins or ends. */
export function PastBroadcasts({ channel, live }: { channel: string; live: boolean }) {
  const [list, setList] = useState<readonly BroadcastInfo[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    fetchBroadcasts(channel, new ServerClock(), closing.signal).then(
      (answer) => setList(answer?.filter((broadcast) => !broadcast.live && broadcast.rewinds).slice(0, shown) ?? []),
      () => undefined, // Closed.
    );
    return () => closing.abort();
  }, [channel, live]);
  if (list.length === 0) return null;
  return (
    <section class="past" aria-label="Past broadcasts">
      <h2>Past broadcasts</h2>
      <ul>
        {list.map((broadcast) => (
          <li key={broadcast.id}>
            <a href={`/b/${broadcast.id}`}>
              <Began startedAt={broadcast.startedAt} />
              <span class="past-length">{clockText(broadcast.duration)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
