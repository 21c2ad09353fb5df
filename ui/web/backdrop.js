/** @file What surrounds the square face on a stage of another shape: its photo, blurred, over which the edges fade. */

const GRAIN = 8; // CSS pixels for one of the canvas: it is blurred anyway
const BLUR = 24; // pixels across that are left of the photo
const EDGE = 3; // of those pixels: what lies beside the face is made of the photo's edge, without a second face
const FADE = 0.14; // of the face's side, at each edge
const WITHIN = 0.02; // of it, so that the coarse canvas does not uncover what lies beside the face

/**
 * A still canvas over the moving face. Filters and masks would do the same, again for every picture: a third of the
 * page's work where no graphics card helps.
 */
export class Backdrop {
  /** @type {CanvasImageSource | null} */ #photo = null;

  /**
   * @param {HTMLCanvasElement} canvas that covers the stage
   * @param {HTMLElement} face the element that holds the face, square, in the middle of its box
   */
  constructor(canvas, face) {
    this.canvas = canvas;
    this.face = face;
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  /** @param {HTMLImageElement} photo that has been loaded */
  show(photo) {
    const small = new OffscreenCanvas(BLUR, BLUR);
    const pen = small.getContext("2d");
    if (!pen) return;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(photo, 0, 0, BLUR, BLUR);
    this.#photo = small;
    this.#draw();
  }

  #draw() {
    const { canvas, face } = this;
    const pen = canvas.getContext("2d");
    const width = (canvas.width = Math.ceil(canvas.clientWidth / GRAIN));
    const height = (canvas.height = Math.ceil(canvas.clientHeight / GRAIN));
    if (!pen || !this.#photo) return;
    pen.imageSmoothingQuality = "high";
    const side = Math.min(face.clientWidth, face.clientHeight) / GRAIN;
    const left = (face.offsetLeft + face.clientWidth / 2) / GRAIN - side / 2;
    const top = (face.offsetTop + face.clientHeight / 2) / GRAIN - side / 2;
    const [right, bottom] = [left + side, top + side];
    pen.drawImage(this.#photo, left, top, side, side);
    const beside = side * FADE;
    pen.drawImage(this.#photo, 0, 0, EDGE, BLUR, 0, top, left + beside, side);
    pen.drawImage(this.#photo, BLUR - EDGE, 0, EDGE, BLUR, right - beside, top, width - right + beside, side);
    // Above and below go on as the lines there are.
    if (top > 1) pen.drawImage(canvas, 0, top + 1, width, EDGE, 0, 0, width, top + 1);
    if (bottom < height - 1) pen.drawImage(canvas, 0, bottom - EDGE, width, EDGE, 0, bottom - 1, width, height - bottom + 1);

    // Only edges that do not coincide with the stage's fade.
    const fades = [left > 1, right < width - 1, top > 1, bottom < height - 1];
    pen.globalCompositeOperation = "destination-out";
    const hole = new OffscreenCanvas(width, height);
    const cutter = hole.getContext("2d");
    if (!cutter) return;
    cutter.fillRect(left, top, side, side);
    cutter.globalCompositeOperation = "destination-in";
    cutter.fillStyle = slope(cutter.createLinearGradient(left, 0, left + side, 0), fades[0], fades[1]);
    cutter.fillRect(0, 0, width, height);
    cutter.fillStyle = slope(cutter.createLinearGradient(0, top, 0, top + side), fades[2], fades[3]);
    cutter.fillRect(0, 0, width, height);
    pen.drawImage(hole, 0, 0);
  }
}

/**
 * Opaque in the middle, and transparent at those ends that fade.
 * @param {CanvasGradient} gradient
 * @param {boolean} atStart
 * @param {boolean} atEnd
 */
function slope(gradient, atStart, atEnd) {
  gradient.addColorStop(WITHIN, atStart ? "transparent" : "black");
  gradient.addColorStop(FADE, "black");
  gradient.addColorStop(1 - FADE, "black");
  gradient.addColorStop(1 - WITHIN, atEnd ? "transparent" : "black");
  return gradient;
}
