import { useEffect, useState } from 'preact/hooks';
import { durationText } from '../duration.ts';

/** How long a broadcast has been on, kept up to date. */
export function Since({ startedAt }: { startedAt: string }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 15_000);
    return () => clearInterval(timer);
  }, []);
  const startedMs = Date.parse(startedAt);
  if (Number.isNaN(startedMs)) return null;
  return (
    <time dateTime={startedAt} title={new Date(startedMs).toLocaleString()}>
      Live for {durationText(now - startedMs)}
    </time>
  );
}
