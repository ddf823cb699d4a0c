import { AudioStreamController as HlsAudioStreamController } from 'hls.js';
import type { Fragment } from 'hls.js';

/** More than a browser rounds a time by (1 µs), less than any frame lasts; seconds. */
const roundingSeconds = 0.001;

/**
 * The loading of sound of hls.js, without a stop at the end of a segment. It takes a part for one that it loads again and again
 * when the buffer ends before the place where that part should have ended, and then loads no more until playback
 * stands still. Browsers round the buffer's end down to the microsecond, so that comes of itself every some segments.
 */
export class AudioStreamController extends HlsAudioStreamController {
  protected override isLoopLoading(frag: Fragment, targetBufferTime: number): boolean {
    return super.isLoopLoading(frag, targetBufferTime + roundingSeconds);
  }
}
