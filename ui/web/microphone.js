/** @file A microphone as a voice: a track to send, and a node to measure. */

import { Failure } from "./failure.js";

/**
 * What is sent to the server, from wherever it comes.
 * @typedef {{track: MediaStreamTrack, node: AudioNode, close: () => void}} Voice
 */

/** @type {Record<string, import("./failure.js").Kind>} */
const REASONS = {
  NotAllowedError: "permission",
  SecurityError: "permission",
  NotFoundError: "no-microphone",
  OverconstrainedError: "no-microphone",
};

/**
 * Open a microphone. The loudspeaker plays the face's voice, so the echo has to be taken out of what is sent.
 * @param {AudioContext} context
 * @param {string} device its id, or empty for the default one
 * @returns {Promise<Voice>}
 */
export async function openMicrophone(context, device) {
  if (!window.isSecureContext) throw new Failure("insecure");
  if (!navigator.mediaDevices) throw new Failure("browser");
  /** @type {MediaTrackConstraints} */
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  if (device) audio.deviceId = { exact: device };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Failure(REASONS[/** @type {Error} */ (error).name] ?? "busy-microphone");
  }
  const [track] = stream.getAudioTracks();
  const node = context.createMediaStreamSource(stream);
  const close = () => {
    node.disconnect();
    track.stop();
  };
  return { track, node, close };
}

/**
 * The microphones; without names until one has been allowed.
 * @returns {Promise<{id: string, name: string}[]>}
 */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter((device) => device.kind === "audioinput" && device.deviceId && device.deviceId !== "default")
    .map((device, place) => ({ id: device.deviceId, name: device.label || `Microphone ${place + 1}` }));
}
