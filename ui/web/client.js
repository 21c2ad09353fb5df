/** @file The page: carries what one does into the conversation, and what comes of it onto the screen. */

import { Conversation } from "./conversation.js";
import { Delay } from "./delay.js";
import { Failure } from "./failure.js";
import { Gallery } from "./gallery.js";
import { Gauges } from "./gauges.js";
import { Meter } from "./meter.js";
import { Plot } from "./plot.js";
import { Server } from "./server.js";
import { Stage } from "./stage.js";
import { VoiceChoice } from "./voice_choice.js";

const LISTEN_MS = 100; // between looks at the loudness
const READ_MS = 1000; // between readings of the meter
const PICTURE_MS = 40; // of sound, one step of lookahead
const QUIETEST_DB = -60; // an empty bar

/** @param {string} id */
const find = (id) => {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
};

const context = new AudioContext({ latencyHint: "interactive" });
const server = new Server();
const conversation = new Conversation(server);
const stage = new Stage(find);
const gallery = new Gallery(server, find("gallery"));
const choice = new VoiceChoice(context, find);
const delay = new Delay(context);
const meter = new Meter(stage.video, delay);
const gauges = new Gauges(find);
const plot = new Plot(/** @type {HTMLCanvasElement} */ (find("plot")));
const lookahead = /** @type {HTMLInputElement} */ (find("lookahead"));
const start = find("start");
const mute = find("mute");
const silence = find("silence");

/** Somebody else's conversation, such as a voice agent's, that the page's address names: then there is only to look. */
const watched = new URLSearchParams(location.search).get("conversation");

/** What is being sent. @type {import("./microphone.js").Voice | null} */
let voice = null;
/** What is being opened, in place of that: anything opened before it comes too late. @type {object | null} */
let opening = null;
/** @type {import("./conversation.js").State} */
let stateBefore = "idle";

// Start and stop

async function toggle() {
  if (conversation.state !== "idle") return conversation.stop();
  if (opening) return;
  stage.clear();
  if (watched) return conversation.start(null, { conversation: watched });
  if (!choice.isReady) return choice.browse();
  stage.showState("connecting");
  await speak();
}

/** Let the chosen face say what is being sent. */
async function perform() {
  if (voice) await conversation.start(voice.track, { avatar: gallery.chosen, lookahead: Number(lookahead.value) });
}

/** Open what has been chosen, and let the face say it in place of what was sent before. */
async function speak() {
  const own = (opening = {});
  let opened;
  try {
    await context.resume();
    opened = await choice.open();
    if (own !== opening) return opened.close();
    send(opened);
    if (conversation.state === "idle") return await perform();
    await conversation.hear(opened.track);
    choice.play();
  } catch (error) {
    if (own === opening || opened === voice) fail(error);
  }
}

/** @param {import("./microphone.js").Voice} opened what is sent from now on */
function send(opened) {
  hush();
  voice = opened;
  voice.track.enabled = !isPressed(mute);
  delay.hearSent(voice.node);
  voice.track.addEventListener("ended", () => fail(new Failure("microphone-lost")));
}

/** Send nothing any more. */
function hush() {
  opening = null;
  delay.hearSent(null);
  voice?.close();
  voice = null;
}

/** @param {unknown} error */
function fail(error) {
  const failure = error instanceof Failure ? error : new Failure("refused", String(error));
  conversation.stop();
  hush();
  stage.showState("failed");
  stage.tell(failure, true);
}

// What the conversation tells

conversation.addEventListener("state", () => {
  const { state } = conversation;
  const isRunning = state !== "idle";
  stage.showState(state);
  start.toggleAttribute("data-running", isRunning);
  find("start-text").textContent = isRunning ? "Stop" : "Start";
  start.querySelector("use")?.setAttribute("href", isRunning ? "#icon-stop" : "#icon-start");
  find("interrupt").toggleAttribute("disabled", state !== "live");
  if (state === "live") {
    stage.clear();
    if (stateBefore === "connecting") choice.play(); // a file has gone on while the connection was lost
  }
  if (state === "idle") {
    hush();
    delay.hearReceived(null);
    gauges.show(null);
  }
  stateBefore = state;
});
conversation.addEventListener("stream", (event) => {
  const stream = /** @type {CustomEvent<MediaStream>} */ (event).detail;
  stage.showStream(stream);
  delay.hearReceived(stream);
  meter.reset();
});
conversation.addEventListener("stats", (event) => {
  meter.skipped = /** @type {CustomEvent} */ (event).detail.skipped;
});
conversation.addEventListener("trouble", (event) => stage.tell(/** @type {CustomEvent} */ (event).detail, false));
conversation.addEventListener("failure", (event) => fail(/** @type {CustomEvent} */ (event).detail));
stage.addEventListener("retry", () => (gallery.chosen || watched ? toggle() : prepare()));

// Choices

gallery.addEventListener("choice", () => {
  stage.showPhoto(gallery.photo);
  stage.showNoStream();
  if (conversation.state !== "idle") perform();
});
gallery.addEventListener("failure", (event) => refuse(/** @type {CustomEvent} */ (event).detail));
choice.addEventListener("failure", (event) => stage.tell(/** @type {CustomEvent} */ (event).detail, false));
choice.addEventListener("change", () => {
  if (conversation.state === "idle" && !opening) return;
  if (choice.isReady) return speak();
  hush(); // nobody who has turned to files expects to be heard
  stage.showState(conversation.state);
});
lookahead.addEventListener("input", () => {
  const milliseconds = Number(lookahead.value) * PICTURE_MS;
  find("lookahead-effect").textContent = `+${milliseconds} ms`;
  lookahead.setAttribute("aria-valuetext", `${lookahead.value} pictures, ${milliseconds} milliseconds`);
});
lookahead.addEventListener("change", () => conversation.state !== "idle" && perform());

// Photos and files from outside

const photo = /** @type {HTMLInputElement} */ (find("photo"));
const progress = /** @type {HTMLProgressElement} */ (find("photo-progress"));
find("add-photo").addEventListener("click", () => photo.click());
photo.addEventListener("change", () => photo.files?.[0] && take(photo.files[0]));
document.addEventListener("paste", (event) => event.clipboardData?.files[0] && take(event.clipboardData.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("drop").hidden = !event.dataTransfer?.types.includes("Files");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) find("drop").hidden = true;
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("drop").hidden = true;
  if (event.dataTransfer?.files[0]) take(event.dataTransfer.files[0]);
});

/** @param {File} file a sound to let the face speak, or else a photo of a face */
function take(file) {
  if (/^(audio|video)\//.test(file.type)) choice.take(file);
  else makePortrait(file);
}

/**
 * @param {File} file
 * @param {number} [face] which of several
 */
async function makePortrait(file, face) {
  find("photo-refusal").hidden = find("which-face").hidden = true;
  progress.hidden = false;
  progress.removeAttribute("value");
  try {
    const show = (/** @type {number} */ share) =>
      share < 1 ? (progress.value = share) : progress.removeAttribute("value"); // then the server is at work
    await gallery.make(file, show, face);
  } catch (error) {
    refuse(error);
    if (error instanceof Failure && error.code === "photo_several_faces") askWhichFace(file, error.details.count);
  }
  progress.hidden = true;
  photo.value = "";
}

/** @param {unknown} error */
function refuse(error) {
  find("photo-refusal").textContent =
    error instanceof Failure && error.kind === "refused" ? error.remedy : String(error);
  find("photo-refusal").hidden = false;
}

/**
 * A photo of several people is refused with their number: let one choose.
 * @param {File} file
 * @param {number} count
 */
function askWhichFace(file, count) {
  const buttons = Array.from({ length: count }, (_, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = `Face ${place + 1}`;
    button.addEventListener("click", () => makePortrait(file, place + 1));
    return button;
  });
  find("photo-refusal").textContent = `The photo shows ${count} faces: which one, from left to right?`;
  find("which-face").replaceChildren(...buttons);
  find("which-face").hidden = false;
}

// Buttons and keys

/** @param {HTMLElement} button */
const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
mute.addEventListener("click", () => {
  mute.setAttribute("aria-pressed", String(!isPressed(mute)));
  // Silence is sent from here: what is muted never leaves this machine.
  if (voice) voice.track.enabled = !isPressed(mute);
});
silence.addEventListener("click", () => (stage.video.muted = !stage.video.muted));
stage.video.addEventListener("volumechange", () => silence.setAttribute("aria-pressed", String(stage.video.muted)));
start.addEventListener("click", toggle);
find("interrupt").addEventListener("click", () => conversation.interrupt());
find("full-screen").addEventListener("click", () => stage.toggleFullScreen());

/** @type {Record<string, HTMLElement>} */
const KEYS = {
  " ": start,
  m: mute,
  i: find("interrupt"),
  Escape: find("interrupt"),
  s: silence,
  f: find("full-screen"),
};
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const isInControl = event.target instanceof Element && event.target.closest("button, input, select") !== null;
  // The space bar presses the control that has the focus; in a list, letters choose an entry.
  if (isInControl && (event.key === " " || (event.target instanceof HTMLSelectElement && event.key !== "Escape"))) return;
  const button = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!button || button.hidden) return;
  event.preventDefault();
  button.click();
});

// The meter

setInterval(() => {
  if (conversation.state === "idle") return;
  delay.listen();
  const level = voice?.track.enabled ? delay.level : 0;
  const share = Math.min(1, Math.max(0, 1 - (20 * Math.log10(level)) / QUIETEST_DB));
  find("level").setAttribute("aria-valuenow", String(Math.round(100 * share)));
  /** @type {HTMLElement} */ (find("level").firstElementChild).style.setProperty("--share", String(share));
}, LISTEN_MS);

setInterval(async () => {
  if (conversation.state !== "live" || !conversation.peer) return;
  const reading = await meter.read(conversation.peer);
  gauges.show(reading);
  plot.add(reading);
  document.dispatchEvent(new CustomEvent("reading", { detail: reading })); // for those who measure the page
}, READ_MS);

window.addEventListener("pagehide", () => conversation.stop());
for (const own of document.querySelectorAll("[data-own]")) own.toggleAttribute("hidden", watched !== null);
choice.list();
prepare();

/** Show what the server has. */
async function prepare() {
  try {
    const settings = await server.settings();
    conversation.iceServers = settings.ice_servers;
    lookahead.value = String(settings.lookahead);
    lookahead.dispatchEvent(new Event("input"));
    if (watched) stage.showPhoto(await server.photoIn(watched));
    else await gallery.load();
  } catch (error) {
    fail(error);
  }
}
