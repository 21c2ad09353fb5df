/** @file The choice of what is sent: a microphone or a sound file. Knows no network. */

import { listMicrophones, openMicrophone } from "./microphone.js";
import { SoundFile } from "./sound_file.js";

/** Tells by the event `change` that something else has been chosen, and by `failure` what could not be used. */
export class VoiceChoice extends EventTarget {
  /** @type {SoundFile | null} */ #file = null;

  /**
   * @param {AudioContext} context
   * @param {(id: string) => HTMLElement} find
   */
  constructor(context, find) {
    super();
    this.context = context;
    this.microphone = /** @type {HTMLSelectElement} */ (find("microphone"));
    this.microphoneChoice = find("microphone-choice");
    this.fileChoice = find("file-choice");
    this.fileName = find("file-name");
    this.replay = find("replay");
    this.sources = /** @type {HTMLInputElement[]} */ ([...document.getElementsByName("source")]);
    this.picker = /** @type {HTMLInputElement} */ (find("file"));

    for (const source of this.sources) source.addEventListener("change", () => this.#show(true));
    this.microphone.addEventListener("change", () => this.dispatchEvent(new Event("change")));
    find("choose-file").addEventListener("click", () => this.picker.click());
    this.picker.addEventListener("change", () => this.picker.files?.[0] && this.take(this.picker.files[0]));
    this.replay.addEventListener("click", () => this.play());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.list());
    this.#show(false); // a browser may have kept the choice over a reload
  }

  /** Whether a file is to be played, not a microphone. */
  get isFile() {
    return this.sources.some((source) => source.checked && source.value === "file");
  }

  /** Whether there is something to send: a microphone always, a file when it has been chosen. */
  get isReady() {
    return !this.isFile || this.#file !== null;
  }

  /** Ask for a file. */
  browse() {
    this.picker.click();
  }

  /**
   * Use a file from now on.
   * @param {File} file
   */
  async take(file) {
    try {
      this.#file = await SoundFile.decode(this.context, file);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failure", { detail: error }));
      return;
    }
    this.#file.onended = () => (this.replay.hidden = false);
    this.fileName.textContent = `${this.#file.name}, ${Math.ceil(this.#file.seconds)} s`;
    this.replay.hidden = true;
    for (const source of this.sources) source.checked = source.value === "file";
    this.#show(true);
  }

  /**
   * Open what has been chosen. Throws a `Failure`.
   * @returns {Promise<import("./microphone.js").Voice>}
   */
  async open() {
    if (this.isFile && this.#file) return this.#file.open();
    const voice = await openMicrophone(this.context, this.microphone.value);
    await this.list(); // their names are known only now
    return voice;
  }

  /** Let the chosen file begin, if one is chosen. */
  play() {
    if (!this.isFile) return;
    this.replay.hidden = true;
    this.#file?.play();
  }

  /** Show the microphones that there are. */
  async list() {
    const microphones = await listMicrophones();
    const chosen = this.microphone.value;
    this.microphone.replaceChildren(
      new Option("Default microphone", ""),
      ...microphones.map(({ id, name }) => new Option(name, id, false, id === chosen)),
    );
  }

  /** @param {boolean} hasChanged */
  #show(hasChanged) {
    this.microphoneChoice.hidden = this.isFile;
    this.fileChoice.hidden = !this.isFile;
    if (hasChanged) this.dispatchEvent(new Event("change"));
  }
}
