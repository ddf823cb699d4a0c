import { render } from 'preact';
import { channelFromPath } from '../channel-name.ts';
import { PlayerView } from '../player/view.tsx';
import '../styles/base.css';
import '../styles/player.css';
import '../styles/seek.css';

/** `/embed/{channel}`: the player alone, filling its frame. `?muted=1` starts without sound, `?autoplay=0` on demand. */
function Embed() {
  const channel = channelFromPath(location.pathname);
  const query = new URLSearchParams(location.search);
  if (channel === null) return <p class="notice">There is no channel of this name.</p>;
  return <PlayerView channel={channel} muted={query.get('muted') === '1'} autoplay={query.get('autoplay') !== '0'} />;
}

const channel = channelFromPath(location.pathname);
if (channel !== null) document.title = `${channel} · Millrace`;
render(<Embed />, document.getElementById('app')!);
