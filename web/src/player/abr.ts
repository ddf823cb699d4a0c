import { AbrController as HlsAbrController, Events } from 'hls.js';
import type Hls from 'hls.js';
import type { FragBufferedData, FragLoadingData, Fragment, LoaderStats, Part } from 'hls.js';
import { rescueQuality } from './rescue.ts';
import { Throughput } from './throughput.ts';

/** How often a part that is being loaded is looked at. */
const lookEveryMs = 100;
/** From so much of its own duration on, what has come of a part says how fast the rest comes. */
const tellingShare = 0.35;
/** A look that comes so late was held up by the page's own work: bytes may have come that nobody was told of. */
const lateMs = 2 * lookEveryMs;
/** Pictures are decoded so long before they show. */
const decodedAheadSeconds = 0.15;

/**
 * The choice of quality of hls.js with another measure of the network (throughput.ts): its own counts how long a part was
 * held for the encoder, and weights by download time: on the lowest rendition at the live edge it would not come up again.
 *
 * And with another way down in mid-segment (rescue.ts): hls.js looks at a segment's first part only, and only at the time that
 * this one part takes. A second behind the live edge the buffer is gone before the segment's end then.
 */
export class AbrController extends HlsAbrController {
  /** Set while hls.js counts a part that has been counted here. */
  #counted = false;
  #throughput = new Throughput(1);
  #segment: Fragment | null = null;
  #look: number | undefined;
  #lookedAt = 0;
  /** Looks in a row after which a segment would have been left. */
  #doubts = 0;

  constructor(hls: Hls) {
    super(hls);
    this.#measure(hls.config.abrEwmaDefaultEstimate);
  }

  override destroy(): void {
    this.#stopLooking();
    super.destroy();
  }

  override resetEstimator(guess?: number): void {
    super.resetEstimator(guess);
    if (this.hls as Hls | null) this.#measure(this.hls.config.abrEwmaDefaultEstimate);
  }

  protected override onFragLoading(event: Events.FRAG_LOADING, data: FragLoadingData): void {
    super.onFragLoading(event, data);
    if (data.frag.type !== 'main' || data.frag.sn === 'initSegment') return;
    this.#stopLooking();
    if (!data.part) return;
    this.#segment = data.frag;
    this.#lookedAt = performance.now();
    this.#look = window.setInterval(() => this.#rescue(), lookEveryMs);
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

  #stopLooking(): void {
    window.clearInterval(this.#look);
    this.#look = undefined;
    this.#segment = null;
    this.#doubts = 0;
  }

  /** Leaves a segment that would not be there in time. One look may be mistaken, two in a row are believed. */
  #rescue(): void {
    const now = performance.now();
    const isLate = now - this.#lookedAt > lateMs;
    this.#lookedAt = now;
    const way = isLate ? null : this.#wayOut();
    this.#doubts = way === null ? 0 : this.#doubts + 1;
    if (way === null || this.#doubts < 2) return;
    const { hls } = this;
    this.#stopLooking();
    this.clearTimer();
    this.#throughput.assume(way.network);
    hls.nextLoadLevel = hls.nextAutoLevel = way.quality;
    way.segment.abortRequests();
    hls.trigger(Events.FRAG_LOAD_EMERGENCY_ABORTED, { frag: way.segment, part: way.part, stats: way.part.stats });
  }

  /** The quality to go to at once, or null to go on. */
  #wayOut(): { segment: Fragment; part: Part; network: number; quality: number } | null {
    const { hls } = this;
    const segment = this.#segment;
    const media = hls.media;
    // Before the first picture there is nothing that could stand still.
    if (!segment || !hls.autoLevelEnabled || !media || media.paused || media.seeking || media.played.length === 0) return null;
    const level = hls.levels[segment.level];
    const part = level?.details?.partList?.find((candidate) => candidate.fragment.sn === segment.sn && isRunning(candidate.stats));
    const buffered = hls.mainForwardBufferInfo?.len;
    if (!part || buffered === undefined) return null;
    const network = bitsPerSecondOf(part);
    if (network === null || network >= this.#throughput.bitsPerSecond) return null;
    const quality = rescueQuality(hls.levels.map((candidate) => candidate.averageBitrate), segment.level, {
      bufferedSeconds: buffered / media.playbackRate,
      segmentSeconds: level!.details!.targetduration,
      loadedSeconds: part.start + part.duration * (part.stats.loaded / Math.max(part.stats.total, 1)) - segment.start,
      isPlaying: media.currentTime >= segment.start - decodedAheadSeconds,
      networkBitsPerSecond: network,
    });
    return quality === null || quality < hls.minAutoLevel ? null : { segment, part, network, quality };
  }
}

/** Its first byte has come and its last has not. */
function isRunning(stats: LoaderStats): boolean {
  return stats.loading.first > 0 && stats.loading.end === 0 && !stats.aborted && stats.loaded > 0;
}

/** At what speed the rest of a part seems to come, or null while it is too early to tell. */
function bitsPerSecondOf(part: Part): number | null {
  const seconds = (performance.now() - part.stats.loading.first) / 1000;
  return seconds < tellingShare * part.duration ? null : (8 * part.stats.loaded) / seconds;
}
