/** @file The meter's numbers, as text. Knows nothing of where they come from. */

/** @typedef {import("./meter.js").Reading} Reading */

/** @type {Record<string, (reading: Reading) => [number: string, unit: string] | null>} */
const WORDS = {
  delay: ({ delay }) => (delay === null ? null : [delay.toFixed(0), "ms"]),
  sync: ({ sync }) => (sync === null ? null : [signed(sync), "ms"]),
  fps: ({ fps }) => (fps === null ? null : [fps.toFixed(0), "fps"]),
  skipped: ({ skipped }) => (skipped === null ? null : [String(skipped), ""]),
  bitrate: ({ bitrate }) => (bitrate === null ? null : [(bitrate / 1e6).toFixed(1), "Mbit/s"]),
  loss: ({ loss }) => (loss === null ? null : [(loss * 100).toFixed(1), "%"]),
};

/** Shows the latest reading. */
export class Gauges {
  /** @param {(name: string) => HTMLElement} find the place of each number */
  constructor(find) {
    this.places = Object.fromEntries(Object.keys(WORDS).map((name) => [name, find(`gauge-${name}`)]));
  }

  /** @param {Reading | null} reading */
  show(reading) {
    for (const [name, words] of Object.entries(WORDS)) {
      const [number, unit] = (reading && words(reading)) ?? ["–", ""];
      const small = document.createElement("small");
      small.textContent = unit;
      this.places[name].replaceChildren(number, ...(unit ? [small] : []));
    }
  }
}

/** @param {number} value */
function signed(value) {
  const rounded = Math.round(value);
  return rounded > 0 ? `+${rounded}` : rounded < 0 ? `−${-rounded}` : "0";
}
