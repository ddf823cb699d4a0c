// ?player=dash|shaka|shaka-whole&url=…: plays, and keeps what went wrong at window.probe.
const query = new URLSearchParams(location.search);
const video = document.querySelector('video');
const probe = (window.probe = { errors: [], ready: false, latency: () => null });

function load(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = source;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${source} does not load`));
    document.head.append(script);
  });
}

async function playDash(url) {
  await load('node_modules/dashjs/dist/modern/umd/dash.all.min.js');
  const player = dashjs.MediaPlayer().create();
  player.on(dashjs.MediaPlayer.events.ERROR, (event) => probe.errors.push(JSON.stringify(event.error ?? event)));
  player.on(dashjs.MediaPlayer.events.PLAYBACK_ERROR, (event) => probe.errors.push(JSON.stringify(event.error ?? event)));
  // A network that got slow is known after one segment, before a buffer of three seconds is used up (docs/players.md).
  player.updateSettings({ streaming: { abr: { throughput: { ewma: { throughputFastHalfLifeSeconds: 0.5 } } } } });
  (await import('./dash-edges.js')).outliveEdges(player);
  player.initialize(video, url, true);
  probe.latency = () => player.getCurrentLiveLatency();
}

async function playShaka(url) {
  await load('node_modules/shaka-player/dist/shaka-player.compiled.js');
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  // Whole segments: only so does it measure the network instead of the encoder (docs/players.md).
  player.configure({ streaming: { lowLatencyMode: query.get('player') !== 'shaka-whole' } });
  player.addEventListener('error', (event) => probe.errors.push(`${event.detail.severity} ${event.detail.code} ${JSON.stringify(event.detail.data)} ${video.error?.message ?? ""}`));
  await player.load(url);
  probe.latency = () => player.seekRange().end - video.currentTime;
}

(query.get('player') === 'dash' ? playDash : playShaka)(query.get('url'))
  .then(() => (probe.ready = true))
  .catch((error) => probe.errors.push(String(error.message ?? error) + ' ' + (error.code ?? '') + ' ' + JSON.stringify(error.data ?? '')));
