/** @file What can go wrong, in words for the person at the page: what was found and what to do. Knows no page. */

/**
 * @typedef {"browser" | "insecure" | "permission" | "no-microphone" | "busy-microphone"
 *   | "microphone-lost" | "sound-file" | "capacity" | "unreachable" | "unknown" | "ended" | "token" | "refused" | "route" | "lost"} Kind
 */

/** @type {Record<Kind, [title: string, remedy: string]>} */
const WORDS = {
  browser: ["This browser cannot hold a call", "It has no WebRTC: use a current Chromium, Firefox or Safari."],
  insecure: [
    "The microphone needs https",
    "Open this page as https:// (start the server with --cert and --key), on the server’s own machine as " +
      "http://localhost, or use a sound file.",
  ],
  permission: [
    "The microphone is blocked",
    "Allow it for this page, with the sign beside the address, or use a sound file.",
  ],
  "no-microphone": ["There is no microphone", "Connect one, or use a sound file."],
  "busy-microphone": [
    "The microphone cannot be opened",
    "Close other programs that use it, or choose another one under Voice.",
  ],
  "microphone-lost": ["The microphone has gone", "Connect it again, or choose another one under Voice."],
  "sound-file": ["This sound cannot be played", "The browser does not know its format: use WAV, MP3, M4A or Ogg."],
  capacity: ["The server is full", ""],
  unreachable: ["The server does not answer", "See whether liveface serve still runs and the network is up."],
  unknown: ["It is no longer there", "Start again."],
  ended: ["The conversation has ended", "The server has closed it."],
  token: ["The server asks for its token", "Open the address that liveface serve printed when it started."],
  refused: ["The server refused", ""],
  route: [
    "No way through the network",
    "A firewall or NAT stands between this browser and the server: start liveface serve with a TURN server (--turn).",
  ],
  lost: ["The connection is lost", "It did not come back within 30 seconds: see whether the network is up."],
};

/** One failure: a short title, and what to do about it. */
export class Failure extends Error {
  /**
   * @param {Kind} kind
   * @param {string} [detail] the server's own reason, which takes the place of our remedy
   * @param {number} [retryAfter] seconds after which trying again makes sense, if the server said so
   * @param {{code?: string, details?: Record<string, any>}} [told] what the server said, for programs
   */
  constructor(kind, detail = "", retryAfter = 0, { code = "", details = {} } = {}) {
    const [title, remedy] = WORDS[kind];
    super(title);
    this.name = "Failure";
    this.kind = kind;
    this.title = title;
    this.remedy = detail || remedy;
    this.retryAfter = retryAfter;
    this.code = code;
    this.details = details;
  }
}
