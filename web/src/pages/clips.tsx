import { useEffect, useState } from 'preact/hooks';
import { fetchClips } from '../api.ts';
import type { ClipInfo } from '../api.ts';
import { ServerClock } from '../clock.ts';
import { clockText } from '../player/seekable.ts';

/** More than a screen of them is a search, which this is not. */
const shown = 30;

/** The clips of a channel, or of one broadcast; nothing when there are none. `live` changes when a broadcast begins or ends. */
export function Clips({ of, name, live }: { of: 'channels' | 'broadcasts'; name: string; live: boolean }) {
  const [list, setList] = useState<readonly ClipInfo[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    fetchClips(of, name, new ServerClock(), closing.signal).then(
      (answer) => setList(answer.slice(0, shown)),
      () => undefined, // Closed.
    );
    return () => closing.abort();
  }, [of, name, live]);
  if (list.length === 0) return null;
  return (
    <section class="past clips" aria-label="Clips">
      <h2>Clips</h2>
      <ul>
        {list.map((clip) => (
          <li key={clip.id}>
            <a href={`/b/${clip.id}`}>
              <span>{clip.name}</span>
              <span class="past-length">{clockText(clip.duration)}</span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
