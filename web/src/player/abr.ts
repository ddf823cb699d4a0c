import { AbrController as HlsAbrController } from 'hls.js';
import type Hls from 'hls.js';
import type { Events, FragBufferedData } from 'hls.js';
import { Throughput } from './throughput.ts';

/**
 * The choice of quality of hls.js with another measure of the network (throughput.ts). Its own counts how long a part was
 * held for the encoder, and weights by download time: on the lowest rendition at the live edge it would not come up again.
 */
export class AbrController extends HlsAbrController {
  /** Set while hls.js counts a part that has been counted here. */
  #counted = false;

  constructor(hls: Hls) {
    super(hls);
    this.#measure(hls.config.abrEwmaDefaultEstimate);
  }

  override resetEstimator(guess?: number): void {
    super.resetEstimator(guess);
    if (this.hls as Hls | null) this.#measure(this.hls.config.abrEwmaDefaultEstimate);
  }

  protected override onFragBuffered(event: Events.FRAG_BUFFERED, data: FragBufferedData): void {
    const { frag, part } = data;
    const stats = part?.stats.loaded ? part.stats : frag.stats;
    const { first, end } = stats.loading;
    if (frag.type === 'main' && frag.sn !== 'initSegment' && !stats.aborted && first > 0 && end >= first) {
      // From the first byte on: what came before is the server holding a part that the encoder has not finished.
      this.#throughput.observe(stats.loaded, (end - first) / 1000, part?.duration ?? frag.duration);
    }
    this.#counted = true;
    super.onFragBuffered(event, data);
    this.#counted = false;
  }

  #throughput = new Throughput(1);

  #measure(guess: number): void {
    const throughput = (this.#throughput = new Throughput(guess));
    const estimator = this.bwEstimator;
    estimator.canEstimate = () => throughput.isMeasured;
    estimator.getEstimate = () => throughput.bitsPerSecond;
    // Else it tells of a download that was too slow to be waited for.
    estimator.sample = (milliseconds, bytes) => {
      if (!this.#counted) throughput.observe(bytes, milliseconds / 1000, milliseconds / 1000);
    };
  }
}
