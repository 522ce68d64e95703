// What pages do beyond links and forms. Without this file everything still works, by reloading.

const PERIOD_MS = 1000;

/** Swap the sections marked `data-live` for what the server shows now, and mark what changed. */
class Live {
  constructor(root) {
    this.url = root.dataset.liveUrl;
    this.stale = document.getElementById("stale");
    this.tag = "";
    this.shown = new Map();
    this.tick = this.tick.bind(this);
    document.addEventListener("visibilitychange", () => document.hidden || this.soon(0));
    this.soon(PERIOD_MS);
  }

  soon(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.tick, delay);
  }

  async tick() {
    if (document.hidden) return;
    try {
      await this.look();
      this.stale.hidden = true;
    } catch {
      this.stale.hidden = false;
    }
    this.soon(PERIOD_MS);
  }

  async look() {
    const response = await fetch(this.url, {
      headers: { Accept: "text/html", ...(this.tag && { "If-None-Match": this.tag }) },
      signal: AbortSignal.timeout(5000),
      cache: "no-store",
    });
    if (response.status === 304) return;
    if (response.status === 401) return location.reload();
    if (!response.ok) throw new Error(`status ${response.status}`);
    this.tag = response.headers.get("ETag") ?? "";
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const section of fresh.querySelectorAll("[data-live]")) this.swap(section);
  }

  swap(fresh) {
    const name = fresh.dataset.live;
    const old = document.querySelector(`[data-live="${name}"]`);
    const text = fresh.innerHTML;
    const before = this.shown.get(name);
    this.shown.set(name, text);
    if (!old || before === text || (before === undefined && old.innerHTML === text)) return;
    const place = focusPlace(old);
    const open = [...old.querySelectorAll("details[open][id]")].map((d) => d.id);
    old.innerHTML = text;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (place) old.querySelector(place)?.focus({ preventScroll: true });
    if (before !== undefined) mark(old);
  }
}

/** A selector for the control that has the focus inside `section`, so that a swap does not take it away. */
function focusPlace(section) {
  const focused = document.activeElement;
  if (!section.contains(focused) || focused === section) return "";
  if (focused.id) return `#${CSS.escape(focused.id)}`;
  if (focused.name) return `[name="${CSS.escape(focused.name)}"][value="${CSS.escape(focused.value)}"]`;
  return "";
}

function mark(section) {
  section.classList.remove("changed");
  requestAnimationFrame(() => section.classList.add("changed"));
}

/** Narrow a list by what is typed. The key `/` goes there from anywhere on the page. */
function filterList(field) {
  const entries = [...document.querySelectorAll("[data-entry]")];
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) {
      const text = entry.textContent.toLowerCase();
      entry.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of document.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-entry]:not([hidden])");
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    }
  });
}

const live = document.querySelector("[data-live-url]");
if (live) new Live(live);
const filter = document.querySelector("[data-filter]");
if (filter) {
  filter.closest("[hidden]")?.removeAttribute("hidden");
  filterList(filter);
}
