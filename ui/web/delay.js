/** @file How much later the face's voice comes back than one's own was sent, heard by comparing the two in the page. */

const HOP_SECONDS = 0.005; // of sound in one value of loudness
const LONGEST = 240; // values: the longest delay that is looked for, 1.2 s
const COMPARED = 600; // values: 3 s of sound
const LIKENESS = 0.6; // correlation below which the two are not the same speech
const SILENT = 1e-3; // root mean square below which nobody speaks
const WINDOW = 32_768; // samples that an analyser remembers: poll more often than it forgets

/**
 * Hears what is sent and what is received in one audio graph, so in one clock: the delay contains the network, the
 * server, and the jitter buffer; neither the microphone's nor the loudspeaker's own.
 *
 * The server gives back the sound that it heard, in step with the picture, so the voice's delay is the face's.
 */
export class Delay {
  /** @type {number[]} */ #sent = [];
  /** @type {number[]} */ #received = [];
  #heardUntil = 0;

  /** @param {AudioContext} context */
  constructor(context) {
    this.#context = context;
    this.#hop = Math.round(HOP_SECONDS * context.sampleRate);
    this.#ears = [0, 1].map(() => new AnalyserNode(context, { fftSize: WINDOW }));
  }
  /** @type {AudioContext} */ #context;
  /** @type {number} */ #hop;
  /** @type {AnalyserNode[]} */ #ears;
  /** @type {(AudioNode | null)[]} */ #nodes = [null, null];

  /** @param {AudioNode | null} node what is sent, or nothing any more */
  hearSent(node) {
    this.#plug(0, node);
  }

  /** @param {MediaStream | null} stream what is received */
  hearReceived(stream) {
    this.#plug(1, stream?.getAudioTracks().length ? this.#context.createMediaStreamSource(stream) : null);
  }

  /**
   * @param {0 | 1} ear
   * @param {AudioNode | null} node
   */
  #plug(ear, node) {
    this.#nodes[ear]?.disconnect(this.#ears[ear]);
    node?.connect(this.#ears[ear]);
    this.#nodes[ear] = node;
    this.#sent = [];
    this.#received = [];
  }

  /** Take in what has been heard since the last call: at least twice a second. */
  listen() {
    const now = Math.round(this.#context.currentTime * this.#context.sampleRate);
    const hops = Math.floor((now - this.#heardUntil) / this.#hop);
    const samples = hops * this.#hop;
    if (samples > WINDOW) {
      // The page was in the background: begin anew.
      this.#heardUntil = now;
      this.#sent = [];
      this.#received = [];
      return;
    }
    const late = now - this.#heardUntil - samples; // samples that will be heard next time
    this.#heardUntil += samples;
    const [sent, received] = this.#ears.map((ear) => loudness(ear, samples, late, this.#hop));
    this.#sent = [...this.#sent, ...sent].slice(-COMPARED - LONGEST);
    this.#received = [...this.#received, ...received].slice(-COMPARED);
  }

  /** The loudness of the latest sound sent, 0 to 1. */
  get level() {
    return Math.max(0, ...this.#sent.slice(-20));
  }

  /** The delay in milliseconds, or null where too little was said to tell. */
  measure() {
    const received = this.#received;
    const sent = this.#sent;
    if (received.length < COMPARED || sent.length < COMPARED + LONGEST || Math.max(...sent) < SILENT) return null;
    const likeness = Array.from({ length: LONGEST + 1 }, (_, lag) =>
      correlation(received, sent.slice(LONGEST - lag, LONGEST - lag + COMPARED)),
    );
    const best = likeness.indexOf(Math.max(...likeness));
    if (!(likeness[best] > LIKENESS)) return null;
    return (best + vertex(likeness[best - 1], likeness[best], likeness[best + 1])) * HOP_SECONDS * 1000;
  }
}

/**
 * @param {AnalyserNode} ear
 * @param {number} samples to take
 * @param {number} late samples after them that are left
 * @param {number} hop
 * @returns {number[]} root mean square of each hop
 */
function loudness(ear, samples, late, hop) {
  const sound = new Float32Array(WINDOW);
  ear.getFloatTimeDomainData(sound);
  const end = WINDOW - late;
  const values = [];
  for (let start = end - samples; start < end; start += hop) {
    let power = 0;
    for (let i = Math.max(0, start); i < start + hop; i++) power += sound[i] * sound[i];
    values.push(Math.sqrt(power / hop));
  }
  return values;
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
function correlation(a, b) {
  const meanA = a.reduce((sum, value) => sum + value, 0) / a.length;
  const meanB = b.reduce((sum, value) => sum + value, 0) / b.length;
  let [both, squareA, squareB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] - meanA, b[i] - meanB];
    both += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return both / Math.sqrt(squareA * squareB);
}

/**
 * Where the parabola through three neighbouring values is highest, relative to the middle one.
 * @param {number | undefined} left
 * @param {number} middle
 * @param {number | undefined} right
 */
function vertex(left, middle, right) {
  if (left === undefined || right === undefined) return 0;
  const bend = left - 2 * middle + right;
  return bend < 0 ? (left - right) / (2 * bend) : 0;
}
