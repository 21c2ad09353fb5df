/** @file The portraits to choose from, and new ones from photos. */

import { Failure } from "./failure.js";

const LONGEST_SIDE = 1280; // pixels: more is not needed, and a telephone's photo would take long to send

/**
 * Radio buttons that look like faces. Tells by the events `choice` and `failure`.
 */
export class Gallery extends EventTarget {
  /**
   * @param {import("./server.js").Server} server
   * @param {HTMLElement} place
   */
  constructor(server, place) {
    super();
    this.server = server;
    this.place = place;
  }

  /** The name of the chosen portrait, empty if there is none. */
  get chosen() {
    return this.place.querySelector("input:checked")?.getAttribute("value") ?? "";
  }

  /** The address of the chosen portrait's photo. */
  get photo() {
    return this.place.querySelector("input:checked + img")?.getAttribute("src") ?? "";
  }

  /** Show what the server has. */
  async load() {
    const portraits = await this.server.portraits();
    this.place.replaceChildren(...portraits.map((portrait) => this.#choice(portrait)));
    this.place.setAttribute("aria-busy", "false");
    if (portraits.length) this.#choose(portraits[0].name);
  }

  /**
   * Make a portrait of a photo, and choose it. Throws a `Failure` with the server's reason if it refuses.
   * @param {Blob} photo
   * @param {(share: number) => void} onProgress
   * @param {number} [face] which of several, from left to right, counted from 1
   */
  async make(photo, onProgress, face) {
    const portrait = await this.server.upload(await reduced(photo), onProgress, face);
    this.place.append(this.#choice(portrait));
    this.#choose(portrait.name);
    this.place.scrollLeft = this.place.scrollWidth; // a telephone has them all in one row
  }

  /** @param {import("./server.js").Portrait} portrait */
  #choice(portrait) {
    const { name, photo, secret } = portrait;
    const choice = document.createElement("div");
    const label = document.createElement("label");
    const radio = document.createElement("input");
    const image = document.createElement("img");
    const caption = document.createElement("span");
    choice.className = "portrait";
    radio.className = "unseen";
    radio.type = "radio";
    radio.name = "avatar";
    radio.value = name;
    radio.addEventListener("change", () => this.dispatchEvent(new Event("choice")));
    image.alt = "";
    image.src = photo;
    caption.textContent = secret ? "Yours" : name[0].toUpperCase() + name.slice(1);
    label.append(radio, image, caption);
    choice.append(label);
    if (secret) choice.append(this.#bin(portrait, choice));
    return choice;
  }

  /**
   * The button that removes a portrait.
   * @param {import("./server.js").Portrait} portrait
   * @param {HTMLElement} choice
   */
  #bin(portrait, choice) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "icon";
    button.setAttribute("aria-label", "Delete your photo");
    const cross = document.querySelector("#message-close svg");
    if (cross) button.append(cross.cloneNode(true));
    button.addEventListener("click", async () => {
      try {
        await this.server.remove(portrait);
      } catch (error) {
        this.dispatchEvent(new CustomEvent("failure", { detail: error }));
        return;
      }
      const wasChosen = this.chosen === portrait.name;
      choice.remove();
      const first = this.place.querySelector("input");
      first?.focus();
      if (wasChosen && first) this.#choose(first.value);
    });
    return button;
  }

  /** @param {string} name */
  #choose(name) {
    const radio = this.place.querySelector(`input[value="${CSS.escape(name)}"]`);
    if (!(radio instanceof HTMLInputElement)) return;
    radio.checked = true;
    this.dispatchEvent(new Event("choice"));
  }
}

/**
 * A large picture made smaller; anything else as it is, for the server to judge.
 * @param {Blob} photo
 */
async function reduced(photo) {
  let picture;
  try {
    picture = await createImageBitmap(photo);
  } catch {
    return photo;
  }
  const share = LONGEST_SIDE / Math.max(picture.width, picture.height);
  if (share >= 1) return photo;
  const canvas = new OffscreenCanvas(Math.round(picture.width * share), Math.round(picture.height * share));
  const pen = canvas.getContext("2d");
  if (!pen) throw new Failure("browser");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}
