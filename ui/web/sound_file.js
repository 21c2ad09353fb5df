/** @file A sound file as a voice, played into the connection once; it can be played again. */

import { Failure } from "./failure.js";

/** A file that has been decoded, and plays when told to. */
export class SoundFile {
  /** @type {AudioBufferSourceNode | null} */
  #playing = null;

  /**
   * @param {AudioContext} context
   * @param {string} name
   * @param {AudioBuffer} sound
   */
  constructor(context, name, sound) {
    this.name = name;
    this.seconds = sound.duration;
    this.node = new GainNode(context);
    this.onended = () => {};
    this.#context = context;
    this.#sound = sound;
  }
  /** @type {AudioContext} */ #context;
  /** @type {AudioBuffer} */ #sound;

  /**
   * @param {AudioContext} context
   * @param {File} file
   */
  static async decode(context, file) {
    try {
      return new SoundFile(context, file.name, await context.decodeAudioData(await file.arrayBuffer()));
    } catch {
      throw new Failure("sound-file");
    }
  }

  /**
   * A new track; nothing plays yet.
   * @returns {import("./microphone.js").Voice}
   */
  open() {
    const destination = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1 });
    this.node.connect(destination);
    const [track] = destination.stream.getAudioTracks();
    const close = () => {
      this.stop();
      this.node.disconnect(destination);
      track.stop();
    };
    return { track, node: this.node, close };
  }

  /** Play from the beginning. */
  play() {
    this.stop();
    const playing = new AudioBufferSourceNode(this.#context, { buffer: this.#sound });
    playing.onended = () => {
      if (this.#playing === playing) this.stop();
      this.onended();
    };
    playing.connect(this.node);
    playing.start();
    this.#playing = playing;
  }

  /** Be silent. */
  stop() {
    const playing = this.#playing;
    this.#playing = null;
    if (playing === null) return;
    playing.onended = null;
    playing.stop();
    playing.disconnect();
  }
}
