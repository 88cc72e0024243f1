// What the other modules share of the document: its elements, its two voices, and what the server says of the way here.

export function find(id) {
  return document.getElementById(id);
}

export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

// For a screen reader: the first waits for a pause, the second interrupts.
export function say(sentence) {
  find("status").textContent = sentence;
}

export function warn(sentence) {
  find("alert").textContent = sentence;
}

export function chosen(name) {
  return document.querySelector(`input[name="${name}"]:checked`).value;
}

export const way = JSON.parse(document.documentElement.dataset.way);

// The application's root. A gateway may put a stage's name before it, with or without a slash at the end.
export const root = new URL(location.pathname.replace(/\/*$/, "/"), location.origin);

export function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}

export function pause(seconds, signal) {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      failed(signal.reason);
    }, { once: true });
  });
}
