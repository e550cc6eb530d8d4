// A photo from a camera of this machine.

import { byId } from "./dom.js";

export class Camera {
  #stream = null;
  #then;
  #number = 0;

  constructor(then) {
    this.#then = then;
    byId("camera-take").addEventListener("click", () => this.#take());
    byId("camera-close").addEventListener("click", () => byId("camera-box").close());
    byId("camera-box").addEventListener("close", () => this.#end());
  }

  async open() {
    const status = byId("camera-status");
    byId("camera-box").showModal();
    byId("camera-take").disabled = true;
    status.textContent = "asking for the camera …";
    try {
      const video = { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } };
      this.#stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
      byId("camera-view").srcObject = this.#stream;
      byId("camera-take").disabled = false;
      status.textContent = "";
    } catch (error) {
      status.textContent = {
        NotAllowedError: "The browser does not allow this page the camera: allow it beside the address, and try again.",
        NotFoundError: "No camera was found.",
        NotReadableError: "Another program uses the camera: close it, and try again.",
      }[error.name] ?? `The camera cannot be used: ${error.message}`;
    }
  }

  async #take() {
    const video = byId("camera-view");
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    // PNG: what a JPEG loses would be looked at, too.
    const blob = await canvas.convertToBlob({ type: "image/png" });
    this.#number += 1;
    this.#then(new File([blob], `camera-${this.#number}.png`, { type: "image/png" }));
    byId("camera-status").textContent = `camera-${this.#number}.png was added.`;
  }

  #end() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    byId("camera-view").srcObject = null;
  }
}
