/**
 * Address of a channel's newest thumbnail. It changes when there is a new one, so that a browser asks again then and only
 * then; the server ignores what stands behind the question mark.
 */
export function previewUrl(channel: string, previewAt: string, longest: 320 | 640): string {
  const name = longest === 640 ? 'preview.jpg' : 'preview-320.jpg';
  return `/live/${encodeURIComponent(channel)}/${name}?t=${Math.floor(Date.parse(previewAt) / 1000)}`;
}
