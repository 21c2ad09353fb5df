/** @file The place where the face is seen: photo, video, state, and one message at a time. Knows no network. */

import { Backdrop } from "./backdrop.js";

/** @typedef {import("./conversation.js").State | "failed"} State */

/** @type {Record<State, string>} */
const WORDS = {
  idle: "Ready",
  connecting: "Connecting…",
  live: "Live",
  reconnecting: "Connecting again…",
  failed: "Stopped",
};

/** Tells by the event `retry` that one wants to try again. */
export class Stage extends EventTarget {
  /** @type {number | undefined} */ #counting;

  /** @param {(id: string) => HTMLElement} find */
  constructor(find) {
    super();
    this.place = find("stage");
    this.video = /** @type {HTMLVideoElement} */ (find("video"));
    this.still = /** @type {HTMLImageElement} */ (find("still"));
    const backdrop = new Backdrop(/** @type {HTMLCanvasElement} */ (find("backdrop")), this.still);
    this.still.addEventListener("load", () => backdrop.show(this.still));
    this.state = find("state");
    this.stateText = find("state-text");
    this.message = find("message");
    this.title = find("message-title");
    this.remedy = find("message-remedy");
    this.retry = find("message-retry");
    this.retry.addEventListener("click", () => {
      this.clear();
      this.dispatchEvent(new Event("retry"));
    });
    find("message-close").addEventListener("click", () => this.clear());
  }

  /** @param {string} address of the photo of the face that is chosen */
  showPhoto(address) {
    this.still.src = address;
  }

  /** @param {State} state */
  showState(state) {
    this.state.dataset.state = state;
    this.stateText.textContent = WORDS[state];
    if (state === "idle" || state === "failed") this.showNoStream();
  }

  /** The photo takes the face's place. */
  showNoStream() {
    this.video.srcObject = null;
    delete this.place.dataset.live;
  }

  /**
   * The face takes the photo's place when its first picture is there.
   * @param {MediaStream} stream
   */
  showStream(stream) {
    this.video.srcObject = stream;
    this.video.onloadeddata = () => (this.place.dataset.live = "");
    this.video.play().catch((error) => {
      if (error.name !== "NotAllowedError") return; // a newer stream has come
      // Some browsers play sound only right after a click, and pictures always.
      this.video.muted = true;
      this.video.play().catch(() => {});
    });
  }

  /**
   * @param {import("./failure.js").Failure} failure
   * @param {boolean} canRetry whether there is a button for trying again, usable when the server said so
   */
  tell(failure, canRetry) {
    this.clear();
    this.title.textContent = failure.title;
    this.remedy.textContent = failure.remedy;
    this.retry.hidden = !canRetry;
    this.message.hidden = false;
    this.#countDown(failure.retryAfter);
  }

  /** Take the message away. */
  clear() {
    clearTimeout(this.#counting);
    this.message.hidden = true;
  }

  /** Fill the screen, or no more. */
  async toggleFullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (this.place.requestFullscreen) await this.place.requestFullscreen();
    // An iPhone lets only the video itself fill the screen.
    else /** @type {any} */ (this.video).webkitEnterFullscreen?.();
  }

  /** @param {number} seconds until the button can be used */
  #countDown(seconds) {
    this.retry.toggleAttribute("disabled", seconds > 0);
    this.retry.textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
    if (seconds > 0) this.#counting = window.setTimeout(() => this.#countDown(seconds - 1), 1000);
  }
}
