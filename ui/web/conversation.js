/** @file One conversation with the server over WebRTC, which survives a lost connection. Knows nothing of the page. */

import { Failure } from "./failure.js";

const RESUME_MS = 30_000; // as long the server keeps a conversation that nobody is connected to
const ROUTE_MS = 12_000; // until a way through the network has been found
const GATHER_MS = 1_000; // a STUN server that does not answer must not hold up the rest
const HICCUP_MS = 2_500; // a connection may be out of touch before it counts as lost
const PICTURE_WAIT_MS = 40; // as long pictures wait at least: sound does anyway, and browsers take seconds to align them
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 4_000;
const FINAL = new Set(["token", "refused", "unknown"]); // kinds of failure that trying again does not mend

/**
 * @typedef {"idle" | "connecting" | "live" | "reconnecting"} State
 * A face of one's own, or a look at somebody else's conversation.
 * @typedef {{avatar: string, lookahead: number} | {conversation: string}} Wish
 */

/**
 * Tells by events what happens: `state`; `stream` with the face and its voice; `stats` with the server's numbers, once
 * a second; `trouble` with a `Failure` that it is trying to get over; `failure` with one that ended it.
 */
export class Conversation extends EventTarget {
  /** @type {State} */ #state = "idle";
  /** @type {AbortController} */ #run = new AbortController();
  /** @type {RTCPeerConnection | null} */ #peer = null;
  /** @type {RTCDataChannel | null} */ #channel = null;
  /** @type {{conversation: string, owner?: string} | null} */ #kept = null;
  /** @type {MediaStreamTrack | null} */ #track = null;

  /** @param {import("./server.js").Server} server */
  constructor(server) {
    super();
    this.server = server;
    /** @type {RTCIceServer[]} */
    this.iceServers = [];
    /** @type {Wish} */
    this.wish = { conversation: "" };
  }

  get state() {
    return this.#state;
  }

  /** The connection, to read its statistics; null when there is none. */
  get peer() {
    return this.#peer;
  }

  /**
   * Begin, in place of what went on before.
   * @param {MediaStreamTrack | null} track what the server hears; null in somebody else's conversation
   * @param {Wish} wish
   */
  async start(track, wish) {
    const left = this.#leave();
    const run = (this.#run = new AbortController());
    this.wish = wish;
    this.#track = track;
    this.#become("connecting");
    await left; // a server that holds one face has no room before
    try {
      run.signal.throwIfAborted();
      await this.#connect(run.signal);
    } catch (error) {
      this.#fail(run, error);
    }
  }

  /** End it, here and on the server. */
  stop() {
    this.#leave();
    this.#become("idle");
  }

  async #leave() {
    this.#run.abort();
    this.#disconnect();
    const kept = this.#kept;
    this.#kept = null;
    // Whatever hinders the farewell, the server ends by itself what nobody comes back to.
    if (kept?.owner) await this.server.hangUp(kept.conversation, kept.owner).catch(() => {});
  }

  /**
   * Let the server hear something else from now on.
   * @param {MediaStreamTrack} track
   */
  async hear(track) {
    this.#track = track;
    const sender = this.#peer?.getSenders().find((sender) => sender.track?.kind === "audio");
    await sender?.replaceTrack(track);
  }

  /** Close the mouth and forget all sound that has not been shown. */
  interrupt() {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify({ type: "interrupt" }));
  }

  /** @param {AbortSignal} signal */
  async #connect(signal) {
    if (!window.RTCPeerConnection) throw new Failure("browser");
    const peer = (this.#peer = new RTCPeerConnection({ iceServers: this.iceServers }));
    const channel = (this.#channel = peer.createDataChannel("liveface"));
    const stream = new MediaStream();
    peer.addTransceiver(this.#track ?? "audio", { direction: this.#track ? "sendrecv" : "recvonly" });
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = ({ track, receiver }) => {
      if (track.kind === "video") receiver.jitterBufferTarget = PICTURE_WAIT_MS;
      stream.addTrack(track);
    };
    channel.onmessage = ({ data }) => this.#listen(JSON.parse(data));

    await peer.setLocalDescription();
    await gathered(peer);
    signal.throwIfAborted();
    const offer = /** @type {RTCSessionDescription} */ (peer.localDescription);
    const answer = await this.server.offer({ sdp: offer.sdp, type: offer.type, ...this.wish, ...this.#kept });
    if (signal.aborted && answer.owner) this.server.hangUp(answer.conversation, answer.owner).catch(() => {});
    signal.throwIfAborted();
    this.#kept = { conversation: answer.conversation, owner: answer.owner };
    await peer.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
    this.dispatchEvent(new CustomEvent("stream", { detail: stream }));
    await connected(peer);
    signal.throwIfAborted();

    peer.onconnectionstatechange = () => this.#watch(peer);
    channel.onclose = () => this.#recover(peer);
    this.#become("live");
    this.#watch(peer);
  }

  #disconnect() {
    this.#channel = null;
    this.#peer?.close();
    this.#peer = null;
  }

  /** @param {RTCPeerConnection} peer */
  #watch(peer) {
    if (peer.connectionState === "failed" || peer.connectionState === "closed") this.#recover(peer);
    if (peer.connectionState === "disconnected")
      setTimeout(() => peer.connectionState === "disconnected" && this.#recover(peer), HICCUP_MS);
  }

  /**
   * Come back to the same conversation, or to a new one where the server has forgotten it.
   * @param {RTCPeerConnection} peer that has been lost
   */
  async #recover(peer) {
    if (peer !== this.#peer || this.#state !== "live") return;
    const run = this.#run;
    const end = performance.now() + RESUME_MS;
    let pause = FIRST_PAUSE_MS;
    this.#become("reconnecting");
    while (!run.signal.aborted) {
      this.#disconnect();
      try {
        return await this.#connect(run.signal);
      } catch (error) {
        if (run.signal.aborted) return;
        const kind = error instanceof Failure ? error.kind : null;
        if (kind === "unknown" && this.#kept?.owner) {
          this.#kept = null;
          continue;
        }
        const isOver = performance.now() + pause > end;
        if (isOver && kind === "route") return this.#fail(run, new Failure("lost"));
        if (isOver || kind === null || FINAL.has(kind)) return this.#fail(run, error);
        this.dispatchEvent(new CustomEvent("trouble", { detail: error }));
      }
      await sleep(pause, run.signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  /**
   * @param {AbortController} run
   * @param {unknown} error
   */
  #fail(run, error) {
    if (run.signal.aborted) return;
    this.stop();
    const failure = error instanceof Failure ? error : new Failure("refused", String(error));
    this.dispatchEvent(new CustomEvent("failure", { detail: failure }));
  }

  /** @param {State} state */
  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new Event("state"));
  }

  /** @param {any} message */
  #listen(message) {
    if (message.type === "stats") this.dispatchEvent(new CustomEvent("stats", { detail: message }));
    if (message.type === "ended") this.#fail(this.#run, new Failure("ended", message.error?.message ?? ""));
  }
}

/**
 * All addresses under which this browser can be reached are known.
 * @param {RTCPeerConnection} peer
 */
async function gathered(peer) {
  if (peer.iceGatheringState === "complete") return;
  await new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve(null));
  });
}

/**
 * Media can flow.
 * @param {RTCPeerConnection} peer
 */
async function connected(peer) {
  await new Promise((resolve, reject) => {
    const giveUp = () => reject(new Failure("route"));
    setTimeout(giveUp, ROUTE_MS);
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "connected") resolve(null);
      if (peer.connectionState === "failed" || peer.connectionState === "closed") giveUp();
    };
  });
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal that ends it early
 */
async function sleep(milliseconds, signal) {
  await new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", resolve);
  });
}
