// Elements are made here and only here: names, attributes and text, never markup.

const SVG = "http://www.w3.org/2000/svg";
/** Where this version of the pages has its files. */
const STATIC = new URL("..", import.meta.url).pathname;

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element; `children` are nodes or strings, and a null child is left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const tag = (kind, symbol, ...words) => el("span", { class: `tag ${kind}` }, icon(symbol), " ", ...words);

/** Fills every element of the shell that asks for `name`; the answer is text or nodes. */
export function fill(name, ...content) {
  for (const slot of all(`[data-slot="${name}"]`)) slot.replaceChildren(...content.map((c) => c.cloneNode?.(true) ?? c));
}

/** Shows the elements whose data-when lists `state`, and hides those that list others. */
export function showState(state) {
  for (const element of all("[data-when]")) element.hidden = !element.dataset.when.split(" ").includes(state);
}

/** Takes a reader to the heading of what has just come on the page. */
export function focusHeading(heading) {
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

/** Once the style sheet `name` is in force, or cannot be had: without it a page is plain, not wrong. */
export function styled(name) {
  const href = `${STATIC}${name}.css`;
  if (one(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => {
    const link = el("link", { rel: "stylesheet", href });
    for (const ended of ["load", "error"]) link.addEventListener(ended, resolve, { once: true });
    document.head.append(link);
  });
}

export function say(words) {
  one("#aloud").textContent = words;
}

/** A button that copies what another element says. */
export function copyButton(button, text) {
  button.addEventListener("click", async () => {
    const label = one("span", button);
    const before = label.textContent;
    const copied = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    label.textContent = copied ? "Copied" : "Select it and copy by hand";
    setTimeout(() => { label.textContent = before; }, 1600);
  });
}
