// A page of another site that publishes with one library and plays with another.
import { WebRTCPlayer } from "@eyevinn/webrtc-player";
import { WHIPClient } from "@eyevinn/whip-web-client";

let client;
let player;

// Returns whether candidates are sent after the offer.
window.publish = async (endpoint, token) => {
  client = new WHIPClient({ endpoint, opts: { authkey: token, iceServers: [] } });
  await client.setIceServersFromEndpoint();
  await client.ingest(await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
  await client.getResourceUrl();
  return client.supportTrickleIce();
};

window.play = async (endpoint, token) => {
  const video = document.querySelector("video");
  player = new WebRTCPlayer({ video, type: "whep", iceServers: [] });
  await player.load(new URL(endpoint), `Bearer ${token}`);
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
};

// The mean brightness of small pictures and the samples of the sound, of so many seconds.
window.record = async (seconds) => {
  const video = document.querySelector("video");
  const context = new AudioContext({ sampleRate: 16000 });
  const node = context.createScriptProcessor(1024, 1, 1);
  const sound = [];
  node.onaudioprocess = (event) => sound.push(...event.inputBuffer.getChannelData(0));
  context.createMediaStreamSource(video.srcObject).connect(node).connect(context.destination);
  const canvas = new OffscreenCanvas(32, 32).getContext("2d", { willReadFrequently: true });
  const pictures = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    canvas.drawImage(video, 0, 0, 32, 32);
    pictures.push(Array.from(canvas.getImageData(0, 16, 32, 16).data));
  }
  await context.close();
  return { pictures, sound, width: video.videoWidth };
};

window.leave = async () => {
  await player.unload();
  await client.destroy();
};
