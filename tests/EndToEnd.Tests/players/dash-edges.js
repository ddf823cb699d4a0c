// dash.js 5.2.1 asks an edge that died for the manifest until it gives up for good. Another edge has the same (docs/players.md).
export function outliveEdges(player) {
  const down = new Map();
  const isDown = (origin) => down.get(origin) > performance.now();
  const edges = () => (player.getManifest()?.Location ?? []).map((place) => new URL(place.__text ?? place, player.getManifest().url).origin);
  player.updateSettings({ streaming: { manifestRequestTimeout: 2000 } });
  player.addResponseInterceptor((response) => {
    const { url, customData } = response.request;
    if (customData.request.type === 'MPD' && response.status === 0) down.set(new URL(url, location.href).origin, performance.now() + 30_000);
    return Promise.resolve(response);
  });
  player.addRequestInterceptor((request) => {
    const url = new URL(request.url, location.href);
    const other = isDown(url.origin) && edges().find((origin) => !isDown(origin));
    if (other) request.url = other + url.pathname + url.search;
    return Promise.resolve(request);
  });
}
