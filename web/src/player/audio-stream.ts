import { AudioStreamController as HlsAudioStreamController } from 'hls.js';
import type { LevelDetails, MediaFragment } from 'hls.js';
import { hasPartToCome, wasLoadedElsewhere } from './open-fragment.ts';

/**
 * The loading of sound of hls.js, without its stops at the end of a segment, after which it loads nothing more until playback stands
 * still at the hole.
 *
 * When a playlist tells of a segment's last part while the part before it is being parsed, hls.js takes the segment for whole and
 * leaves the last part out. Sound has a short last part in nearly every segment, so that happens every ten or twenty
 * seconds. A segment with a part still to come is forgotten here, and that part loaded.
 *
 * When the edge changes in mid-segment, the parts in front of that are not loaded in the new one's playlist, and hls.js waits for them
 * although they are played: the next segment follows here.
 */
export class AudioStreamController extends HlsAudioStreamController {
  protected override getNextFragment(position: number, details: LevelDetails): MediaFragment | null {
    const fragment = super.getNextFragment(position, details);
    if (!fragment || String(this.fragmentTracker.getState(fragment)) !== 'OK') return fragment;
    if (hasPartToCome(details, fragment.sn, position)) {
      this.fragmentTracker.removeFragment(fragment);
    } else if (wasLoadedElsewhere(details, fragment.sn, position)) {
      const next = (candidate: MediaFragment | null | undefined) => candidate?.sn === fragment.sn + 1;
      return details.fragments.find(next) ?? (next(details.fragmentHint) ? details.fragmentHint! : fragment);
    }
    return fragment;
  }
}
