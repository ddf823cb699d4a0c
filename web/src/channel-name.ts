/** A channel's name: 3 to 64 of `[a-z0-9_-]`, the server's rule. */
export function isChannelName(name: string): boolean {
  return /^[a-z0-9_-]{3,64}$/.test(name);
}

/** The channel named by a path such as `/c/{channel}` or `/embed/{channel}`, or null when there is none. */
export function channelFromPath(path: string): string | null {
  const match = /^\/(?:c|embed)\/([^/]+)\/?$/.exec(path);
  if (!match?.[1]) return null;
  let name: string;
  try {
    name = decodeURIComponent(match[1]);
  } catch {
    return null;
  }
  return isChannelName(name) ? name : null;
}
