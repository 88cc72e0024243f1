// Which picture is sent when: in their order, a few at once.

import { way } from "./elements.js";
import { cutOut } from "./picture.js";

export class Queue {
  constructor(hooks) {
    this.hooks = hooks;
    this.pictures = [];
  }

  add(picture) {
    this.pictures.push(picture);
    this.go();
  }

  again(picture) {
    picture.state = "waiting";
    picture.words = "Waiting for its turn";
    this.hooks.changed(picture);
    this.go();
  }

  remove(picture) {
    this.pictures = this.pictures.filter((one) => one !== picture);
    picture.discard();
    this.go();
  }

  get done() {
    return this.pictures.filter(({ state }) => state === "done");
  }

  go() {
    const busy = this.pictures.filter(({ isAtWork }) => isAtWork).length;
    const next = this.pictures.filter(({ state }) => state === "waiting").slice(0, Math.max(0, way.at_once - busy));
    for (const picture of next) cutOut(picture, this.hooks).finally(() => this.go());
  }
}
