import { AudioStreamController as HlsAudioStreamController } from 'hls.js';
import type { LevelDetails } from 'hls.js';
import { hasPartToCome } from './open-fragment.ts';

/**
 * The loading of sound of hls.js, without its stop at the end of a segment. When a playlist tells of a segment's last part while
 * the part before it is being parsed, hls.js takes the segment for whole, leaves the last part out and loads nothing more until
 * playback stands still at the hole. Sound has a short last part in nearly every segment, so that happens every ten
 * or twenty seconds. A segment with a part still to come is forgotten here, and that part loaded.
 */
export class AudioStreamController extends HlsAudioStreamController {
  protected override getNextFragment(position: number, details: LevelDetails) {
    const fragment = super.getNextFragment(position, details);
    if (fragment && hasPartToCome(details, fragment.sn, position) && String(this.fragmentTracker.getState(fragment)) === 'OK') {
      this.fragmentTracker.removeFragment(fragment);
    }
    return fragment;
  }
}
