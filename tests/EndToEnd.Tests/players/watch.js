// Put into a page before its own scripts. Keeps at window.watch what a viewer would see and hear of the first media element:
// heights of the picture, stalls (the playhead stands still although nobody paused it), jumps, and holes in the sound.
(() => {
  const audio = [];
  const addSourceBuffer = MediaSource.prototype.addSourceBuffer;
  MediaSource.prototype.addSourceBuffer = function (type) {
    const buffer = addSourceBuffer.call(this, type);
    if (type.includes('mp4a')) audio.push(buffer);
    return buffer;
  };
  const born = performance.now();
  const seconds = () => Math.round((performance.now() - born) / 100) / 10;
  const watch = (window.watch = { heights: [], stalls: 0, stalledMs: 0, jumps: [], audioHoles: [], seconds });
  let video, time, at, from, isStill;
  // Counts anew from here; what a player does before its first picture is its own affair.
  watch.begin = () => {
    from = video.currentTime;
    Object.assign(watch, { stalls: 0, stalledMs: 0, jumps: [], audioHoles: [], heights: [[seconds(), video.videoHeight]] });
  };
  const look = () => {
    const now = performance.now();
    const moved = video.currentTime - time;
    const passed = (now - at) / 1000;
    const rate = video.playbackRate || 1;
    if (!video.paused && !video.ended && from !== undefined && passed > 0.02) {
      if (moved === 0 && passed > 0.02) {
        if (isStill) watch.stalledMs += now - at;
        else if (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) watch.stalls++;
        isStill = video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
      } else {
        isStill = false;
      }
      if (Math.abs(moved) > passed * rate + 0.5) {
        watch.jumps.push([seconds(), Math.round(moved * 100) / 100]);
        // A way back to live; a step of a player over a hole is shorter, and does not hide the hole.
        if (Math.abs(moved) > 1) from = video.currentTime;
      }
    }
    time = video.currentTime;
    at = now;
    if (from === undefined || audio.length === 0) return;
    let ranges;
    try {
      ranges = audio[audio.length - 1].buffered;
    } catch {
      return; // Taken from its source: the player begins anew.
    }
    for (let i = 1; i < ranges.length; i++) {
      const hole = `${ranges.end(i - 1).toFixed(3)}-${ranges.start(i).toFixed(3)}`;
      if (ranges.end(i - 1) >= from && ranges.start(i) <= video.currentTime && !watch.audioHoles.includes(hole)) watch.audioHoles.push(hole);
    }
  };
  setInterval(() => {
    const found = document.querySelector('video');
    if (!found) return;
    if (found !== video) {
      video = found;
      time = video.currentTime;
      at = performance.now();
      video.addEventListener('resize', () => watch.heights.push([seconds(), video.videoHeight]));
    }
    look();
  }, 50);
})();
