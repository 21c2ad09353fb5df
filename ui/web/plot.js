/** @file A small plot of the last minute: delay above, lip sync about its zero line. */

const SPAN_MS = 60_000;
const IN_STEP = 40; // ms: within this, nobody sees that lips and voice differ
const GAP_MS = 3000; // between readings: longer ones are no line
const MARGIN = 30; // CSS pixels at the right, for the scales

/** @typedef {import("./meter.js").Reading} Reading */

/** Keeps a minute of readings and draws them. */
export class Plot {
  /** @type {Reading[]} */ #readings = [];

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const draw = () => this.draw();
    new ResizeObserver(draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }

  /** @param {Reading} reading */
  add(reading) {
    this.#readings = [...this.#readings, reading].filter(({ moment }) => moment > reading.moment - SPAN_MS);
    this.draw();
    this.#describe();
  }

  /** Forget everything. */
  clear() {
    this.#readings = [];
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const { width, height } = canvas.getBoundingClientRect();
    const density = window.devicePixelRatio;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const pen = canvas.getContext("2d");
    if (!pen || !width) return;
    const style = getComputedStyle(canvas);
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.scale(density, density);
    pen.lineJoin = pen.lineCap = "round";
    pen.font = `500 10px ${style.fontFamily}`;
    pen.textBaseline = "middle";

    const delays = this.#readings.flatMap(({ delay }) => (delay === null ? [] : [delay]));
    const top = Math.max(400, Math.ceil(Math.max(0, ...delays) / 200) * 200);
    const middle = Math.round(height * 0.62);
    const upper = scale(0, top, middle - 6, 5);
    const lower = scale(-2 * IN_STEP, 2 * IN_STEP, height - 1, middle + 4);

    pen.fillStyle = colour("--shade"); // the band in which they are in step
    pen.beginPath();
    pen.roundRect(0, lower(IN_STEP), width - MARGIN, lower(-IN_STEP) - lower(IN_STEP), 4);
    pen.fill();
    pen.strokeStyle = colour("--line");
    pen.lineWidth = 1;
    for (const y of [upper(top), upper(top / 2), upper(0), lower(0)]) {
      pen.beginPath();
      pen.moveTo(0, Math.round(y) + 0.5);
      pen.lineTo(width - MARGIN, Math.round(y) + 0.5);
      pen.stroke();
    }
    pen.fillStyle = colour("--soft");
    pen.textAlign = "right";
    pen.fillText(String(top), width, upper(top));
    pen.fillText(String(top / 2), width, upper(top / 2));
    pen.fillText(`±${IN_STEP}`, width, lower(0));

    const now = this.#readings.at(-1)?.moment ?? 0;
    const across = scale(now - SPAN_MS, now, 0, width - MARGIN - 3);
    this.#line(pen, colour("--second"), across, lower, ({ sync }) => sync);
    this.#line(pen, colour("--accent"), across, upper, ({ delay }) => delay);
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {string} colour
   * @param {(value: number) => number} across
   * @param {(value: number) => number} up
   * @param {(reading: Reading) => number | null} pick
   */
  #line(pen, colour, across, up, pick) {
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1.75;
    pen.beginPath();
    let before = -Infinity;
    for (const reading of this.#readings) {
      const value = pick(reading);
      if (value === null) continue;
      if (reading.moment - before < GAP_MS) pen.lineTo(across(reading.moment), up(value));
      else pen.moveTo(across(reading.moment), up(value));
      before = reading.moment;
    }
    pen.stroke();
    const last = this.#readings.at(-1);
    const value = last ? pick(last) : null;
    if (!last || value === null) return;
    pen.beginPath();
    pen.arc(across(last.moment), up(value), 3, 0, 2 * Math.PI);
    pen.fill();
  }

  #describe() {
    /** @param {(reading: Reading) => number | null} pick */
    const range = (pick) => {
      const values = this.#readings.map(pick).filter((value) => value !== null);
      if (!values.length) return "not measured";
      return `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} milliseconds`;
    };
    const text = `Last minute: delay ${range(({ delay }) => delay)}, lip sync ${range(({ sync }) => sync)}`;
    this.canvas.setAttribute("aria-label", text);
  }
}

/**
 * From values to pixels, held within them.
 * @param {number} low
 * @param {number} high
 * @param {number} first pixel, for `low`
 * @param {number} last pixel, for `high`
 * @returns {(value: number) => number}
 */
function scale(low, high, first, last) {
  return (value) => first + Math.min(1, Math.max(0, (value - low) / (high - low))) * (last - first);
}
