/** @file The server's HTTP side: portraits, offers, farewells. Knows neither WebRTC nor the page. */

import { Failure } from "./failure.js";

const PATIENCE_MS = 15_000; // for an answer

/**
 * `photo`: the address of its picture. `secret`: with which one's own can be deleted.
 * @typedef {{name: string, photo: string, secret?: string}} Portrait
 * `avatar` and `lookahead` of a new conversation, or the one to join, with the `owner` that its own peer was told.
 * @typedef {{sdp: string, type: string, avatar?: string, lookahead?: number, conversation?: string, owner?: string}} Offer
 * @typedef {{sdp: string, type: RTCSdpType, conversation: string, owner?: string}} Answer
 */

/** Asks the server, and turns everything that goes wrong into a `Failure`. A cookie proves that we may ask. */
export class Server {
  /**
   * What the server is set to.
   * @returns {Promise<{ice_servers: RTCIceServer[], lookahead: number}>}
   */
  async settings() {
    const response = await this.#ask("settings");
    return response.json();
  }

  /**
   * Whose face it is that speaks in somebody else's conversation, as the address of its photo.
   * @param {string} conversation
   */
  async photoIn(conversation) {
    const address = `conversations/${encodeURIComponent(conversation)}`;
    await this.#ask(address); // refuses where there is none
    return `${address}/photo.jpg`;
  }

  /**
   * The portraits that come with the server, and those of ours that it still has.
   * @returns {Promise<Portrait[]>}
   */
  async portraits() {
    const ours = secrets();
    const headers = { "Liveface-Owner": Object.values(ours).join(",") };
    const response = await this.#ask("avatars", { headers });
    /** @type {Portrait[]} */
    const portraits = (await response.json()).avatars;
    return portraits.map((portrait) => ({ ...portrait, secret: ours[portrait.name] }));
  }

  /**
   * Make a new portrait of a photo. Only XMLHttpRequest tells how far sending is.
   * @param {Blob} photo
   * @param {(share: number) => void} onProgress
   * @param {number} [face] which of several, from left to right, counted from 1
   * @returns {Promise<Portrait>}
   */
  async upload(photo, onProgress, face) {
    const request = new XMLHttpRequest();
    request.open("POST", face ? `avatars?face=${face}` : "avatars");
    request.setRequestHeader("Content-Type", photo.type || "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    await new Promise((resolve, reject) => {
      request.onload = resolve;
      request.onerror = () => reject(new Failure("unreachable"));
      request.send(photo);
    });
    const response = new Response(request.responseText, {
      status: request.status,
      headers: { "Retry-After": request.getResponseHeader("Retry-After") ?? "" },
    });
    if (!response.ok) throw await refusal(response);
    /** @type {Required<Portrait>} */
    const portrait = await response.json();
    keep({ ...secrets(), [portrait.name]: portrait.secret });
    return portrait;
  }

  /** @param {Portrait} portrait of one's own */
  async remove({ name, secret = "" }) {
    await this.#ask(`avatars/${encodeURIComponent(name)}`, { method: "DELETE", headers: { "Liveface-Owner": secret } });
    const { [name]: _, ...others } = secrets();
    keep(others);
  }

  /**
   * @param {Offer} offer
   * @returns {Promise<Answer>}
   */
  async offer(offer) {
    const response = await this.#ask("offer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(offer),
    });
    return response.json();
  }

  /**
   * End a conversation; also while the page is being left.
   * @param {string} conversation
   * @param {string} owner
   */
  async hangUp(conversation, owner) {
    await this.#ask(`conversations/${conversation}`, {
      method: "DELETE",
      headers: { "Liveface-Owner": owner },
      keepalive: true,
    });
  }

  /**
   * @param {string} path relative to the page's own address, so that a proxy may put us into a folder
   * @param {RequestInit} [options]
   */
  async #ask(path, options = {}) {
    /** @type {Response} */
    let response;
    try {
      response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch {
      throw new Failure("unreachable");
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

/** What we may delete, by name: kept as long as this tab. @returns {Record<string, string>} */
function secrets() {
  return JSON.parse(sessionStorage.getItem("secrets") ?? "{}");
}

/** @param {Record<string, string>} secrets */
function keep(secrets) {
  sessionStorage.setItem("secrets", JSON.stringify(secrets));
}

/** @param {Response} response */
async function refusal(response) {
  /** @type {{code?: string, message?: string, details?: Record<string, any>}} */
  const { code, message, details } = await response.json().then(
    (body) => body.error ?? {},
    () => ({}),
  );
  const reason = message ?? "";
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  switch (response.status) {
    case 401:
      return new Failure("token");
    case 404:
      return new Failure("unknown", reason);
    case 503:
      return new Failure("capacity", reason, retryAfter);
    default:
      return new Failure("refused", reason || `It answered ${response.status} ${response.statusText}.`, retryAfter, {
        code,
        details,
      });
  }
}
