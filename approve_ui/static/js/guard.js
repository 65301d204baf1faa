// When Approve may be pressed: after the display was checked, everything marked was read, and a finger has had time.

import { all, one } from "./dom.js";

export const ARMS_AFTER_MS = 700;
export const SETTLES_AFTER_MS = 1000;
const ENOUGH = 0.6;

export class Guard {
  verified = false;
  #openAt = Infinity;
  #sealed = new Set();
  #unseen = new Set();
  #seen = new WeakSet();
  #timer = 0;
  #watcher = null;

  /** `onChange` is called whenever the answer of `why` may have changed. */
  constructor(onChange) {
    this.onChange = onChange;
    document.addEventListener("visibilitychange", () => this.settle());
    addEventListener("focus", () => this.settle());
    addEventListener("pageshow", () => this.settle());
  }

  /** Nothing can be pressed for a while: something has changed under the finger. */
  settle(ms = SETTLES_AFTER_MS) {
    this.#openAt = document.visibilityState === "visible" ? performance.now() + ms : Infinity;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.onChange, ms + 10);
    this.onChange();
  }

  get settled() {
    return performance.now() >= this.#openAt;
  }

  /** Every marked field of `sheet` that counts must be seen, the sealed ones opened first; what was seen stays seen. */
  watch(sheet, counts = () => true) {
    this.#watcher?.disconnect();
    const marked = all("[data-must-see]", sheet).filter(counts);
    this.#unseen = new Set(marked.filter((field) => !this.#seen.has(field)));
    this.#sealed = new Set(marked.filter((field) => "redacted" in field.dataset));
    const covered = matchMedia("(min-width: 56rem)").matches ? 0 : one(".decide").offsetHeight;
    this.#watcher = new IntersectionObserver((entries) => this.#saw(entries), {
      rootMargin: `0px 0px -${covered}px 0px`, threshold: [0, 0.15, 0.3, 0.45, ENOUGH, 0.8, 1],
    });
    for (const field of this.#unseen) if (!this.#sealed.has(field)) this.#watcher.observe(field);
    return marked;
  }

  opened(field) {
    this.#sealed.delete(field);
    this.#watcher.observe(field);
    this.settle();
  }

  // A field higher than the screen counts once it fills as much of the screen.
  #saw(entries) {
    for (const { target, isIntersecting, intersectionRatio, intersectionRect, rootBounds } of entries) {
      const filled = rootBounds ? intersectionRect.height / rootBounds.height : 0;
      if (!isIntersecting || (intersectionRatio < ENOUGH && filled < ENOUGH)) continue;
      this.#unseen.delete(target);
      this.#seen.add(target);
      this.#watcher.unobserve(target);
      if (this.#unseen.size === 0) this.settle(ARMS_AFTER_MS);
    }
    this.onChange();
  }

  /** Why Approve cannot be pressed, in words; null once nothing but time stands in the way. */
  why() {
    const fields = (n, what) => `${n} ${what} ${n === 1 ? "field" : "fields"}`;
    if (!this.verified) return "You can approve when the display has been checked";
    if (this.#sealed.size) return `Reveal ${fields(this.#sealed.size, "hidden")} before you approve`;
    if (this.#unseen.size) return `${fields(this.#unseen.size, "marked")} not seen yet`;
    return null;
  }
}
