/** Full screen and picture in picture, with the names that Safari has for them. */
interface WebkitDocument {
  readonly webkitFullscreenElement?: Element | null;
  webkitExitFullscreen?(): void;
}
interface WebkitElement {
  webkitRequestFullscreen?(): void;
}
interface WebkitVideo {
  /** The only full screen on an iPhone: the video's own. */
  webkitEnterFullscreen?(): void;
}

export function fullscreenElement(): Element | null {
  return document.fullscreenElement ?? (document as WebkitDocument).webkitFullscreenElement ?? null;
}

/** Fills the screen with `root`, or goes back. What the browser refuses is left as it is. */
export function toggleFullscreen(root: HTMLElement & WebkitElement, video: HTMLVideoElement & WebkitVideo): void {
  if (fullscreenElement() !== null) {
    if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
    else (document as WebkitDocument).webkitExitFullscreen?.();
  } else if ('requestFullscreen' in root) {
    root.requestFullscreen().catch(() => undefined);
  } else if ('webkitRequestFullscreen' in root) {
    (root as WebkitElement).webkitRequestFullscreen?.();
  } else {
    (video as WebkitVideo).webkitEnterFullscreen?.();
  }
}

export function pipAvailable(video: HTMLVideoElement | null): boolean {
  return document.pictureInPictureEnabled === true && video?.disablePictureInPicture === false;
}

export function togglePip(video: HTMLVideoElement): void {
  if (!pipAvailable(video)) return;
  const change = document.pictureInPictureElement === video ? document.exitPictureInPicture() : video.requestPictureInPicture();
  change.catch(() => undefined);
}
