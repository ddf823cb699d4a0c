import { useCallback, useEffect, useState } from 'preact/hooks';
import { clockText } from '../player/seekable.ts';
import type { View } from '../player/state.ts';
import { PlayerView } from '../player/view.tsx';
import { Clips } from './clips.tsx';
import { Header } from './header.tsx';

/** `/b/{broadcast}`: one broadcast from its beginning, while it is on air and afterwards. `?t=` begins elsewhere. */
export function Replay({ broadcast, startSeconds }: { broadcast: string; startSeconds: number | null }) {
  const [view, setView] = useState<View | null>(null);
  const onView = useCallback((next: View) => setView(next), []);
  const info = view?.broadcast ?? null;
  const missing = view?.unknown === true;
  const title = info === null ? null : (info.clipName ?? info.channel);

  useEffect(() => {
    document.title = title === null ? 'Millrace' : `${title} · Millrace`;
  }, [title]);

  return (
    <>
      <Header />
      <main class="watch">
        <div class="watch-stage">
          <PlayerView channel="" broadcast={broadcast} startSeconds={startSeconds} onView={onView} />
        </div>
        <section class="watch-about" aria-label="About this broadcast">
          <h1>{missing ? 'There is no such broadcast' : title}</h1>
          <p class="watch-line">
            {info !== null && !missing && (
              <>
                <a class="watch-channel" href={`/c/${info.channel}`}>
                  {info.channel}
                </a>
                <Began startedAt={info.startedAt} />
                {info.live ? <span>On air</span> : <span>{clockText(info.duration)}</span>}
                {info.rewinds && (
                  <a href={`/b/${info.id}/download.mp4`} download>
                    Download
                  </a>
                )}
              </>
            )}
          </p>
        </section>
        {info !== null && !missing && info.clipName === null && <Clips of="broadcasts" name={info.id} live={info.live} />}
      </main>
    </>
  );
}

/** When a broadcast began, in the viewer's own time. */
export function Began({ startedAt }: { startedAt: string }) {
  const date = new Date(startedAt);
  if (Number.isNaN(date.getTime())) return null;
  return <time dateTime={startedAt}>{date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}</time>;
}
