/** @file What the page measures of a conversation, once a second: rates, losses, and whether lips and voice are in step. */

const LOSS_SPAN = 5; // readings over which lost packets are counted
const SYNC_SPAN = 5; // readings whose median is shown: one alone jumps by a few milliseconds

/**
 * One second in numbers; null is not known yet. `delay` and `sync` in ms, `bitrate` in bit/s, `loss` as a share.
 * @typedef {{delay: number | null, sync: number | null, fps: number | null, skipped: number | null,
 *   bitrate: number | null, loss: number | null, freezes: number, moment: number}} Reading
 */

/** @typedef {{at: number, bytes: number, frames: number, lost: number, received: number}} Totals */

/** Reads the statistics of a connection, and the times of the pictures on the screen. */
export class Meter {
  /** @type {Totals[]} */ #totals = [];
  /** @type {number[]} */ #offsets = [];
  /** @type {number[]} */ #waits = [];
  #watched = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {import("./delay.js").Delay} delay
   */
  constructor(video, delay) {
    this.video = video;
    this.delay = delay;
    /** The server's number of pictures left out. @type {number | null} */
    this.skipped = null;
  }

  /** Begin anew, with a new connection. */
  reset() {
    this.#totals = [];
    this.#offsets = [];
    this.#waits = [];
    this.skipped = null;
    this.#watch(++this.#watched);
  }

  /**
   * @param {RTCPeerConnection} peer
   * @returns {Promise<Reading>}
   */
  async read(peer) {
    const report = await peer.getStats();
    /** @type {any[]} */
    const inbound = [...report.values()].filter((entry) => entry.type === "inbound-rtp");
    const video = inbound.find((entry) => entry.kind === "video");
    const audio = inbound.find((entry) => entry.kind === "audio");
    this.#totals.push({
      at: performance.now(),
      bytes: sum(inbound, "bytesReceived"),
      frames: video?.framesDecoded ?? 0,
      lost: sum(inbound, "packetsLost"),
      received: sum(inbound, "packetsReceived"),
    });
    this.#totals = this.#totals.slice(-LOSS_SPAN - 1);
    const offset = this.#offset(video, audio);
    if (offset !== null) this.#offsets = [...this.#offsets, offset].slice(-SYNC_SPAN);
    const now = this.#totals[this.#totals.length - 1];
    const before = this.#totals[this.#totals.length - 2];
    const first = this.#totals[0];
    const seconds = before && (now.at - before.at) / 1000;
    const packets = now.received - first.received + now.lost - first.lost;
    return {
      moment: now.at,
      delay: this.delay.measure(),
      sync: this.#offsets.length ? median(this.#offsets) : null,
      fps: seconds ? (now.frames - before.frames) / seconds : null,
      skipped: this.skipped,
      bitrate: seconds ? (8 * (now.bytes - before.bytes)) / seconds : null,
      loss: packets > 0 ? Math.max(0, (now.lost - first.lost) / packets) : null,
      freezes: video?.freezeCount ?? 0,
    };
  }

  /**
   * How many milliseconds sound is played later than its picture.
   *
   * Sender reports map the RTP time stamps of both tracks to one clock of the sender. `estimatedPlayoutTimestamp` is
   * the moment of that clock whose sound, or picture, is being played right now. With lips and voice in step the two
   * are equal; if the picture is ahead, sound is late. The sound's contains the loudspeaker's queue. The picture's ends
   * where the picture is given to the page: `requestVideoFrameCallback` tells how long it then takes to the screen.
   *
   * @param {any} video the connection's statistics of the arriving pictures
   * @param {any} audio and of the arriving sound
   */
  #offset(video, audio) {
    const shown = video?.estimatedPlayoutTimestamp;
    const heard = audio?.estimatedPlayoutTimestamp;
    if (!shown || !heard) return null; // until the first sender reports, after some seconds
    return shown - heard - (this.#waits.length ? median(this.#waits) : 0);
  }

  /** @param {number} watched which round of watching this is: a new one ends it */
  #watch(watched) {
    if (!this.video.requestVideoFrameCallback) return;
    this.video.requestVideoFrameCallback((_, picture) => {
      if (watched !== this.#watched) return;
      this.#waits = [...this.#waits, picture.expectedDisplayTime - picture.presentationTime].slice(-25);
      this.#watch(watched);
    });
  }
}

/**
 * @param {any[]} entries
 * @param {string} name
 */
function sum(entries, name) {
  return entries.reduce((total, entry) => total + (entry[name] ?? 0), 0);
}

/** @param {number[]} values at least one */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
