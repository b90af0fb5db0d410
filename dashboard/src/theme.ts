// Light or dark: as the system has it, until the reader chose.

const KEY = "benchdb-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const heard: (() => void)[] = [];

function chosen(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage may be forbidden
  }
}

export function current(): "light" | "dark" {
  const set = document.documentElement.dataset.theme ?? chosen();
  if (set === "light" || set === "dark") return set;
  return dark.matches ? "dark" : "light";
}

export function start(): void {
  const set = chosen();
  if (set === "light" || set === "dark") document.documentElement.dataset.theme = set;
  dark.addEventListener("change", tell);
  let before: string | undefined;
  // paper is light; charts are drawn anew before it is printed
  window.addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    document.documentElement.classList.add("printing");
    tell();
  });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = before;
    document.documentElement.classList.remove("printing");
    tell();
  });
}

export function toggle(): void {
  const next = current() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // it holds until the page is left
  }
  tell();
}

function tell(): void {
  for (const one of heard) one();
}

/** Call a function when colours changed; the function returned ends that. */
export function onChange(call: () => void): () => void {
  heard.push(call);
  return () => {
    heard.splice(heard.indexOf(call), 1);
  };
}

/** Colours of the style sheet, as a canvas understands them: all at once, as a look costs a layout. */
export function colours<Name extends string>(names: readonly Name[]): Record<Name, string> {
  const probes = names.map((name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    return probe;
  });
  document.documentElement.append(...probes);
  const found = probes.map((probe) => getComputedStyle(probe).color);
  for (const probe of probes) probe.remove();
  return Object.fromEntries(names.map((name, at) => [name, found[at] ?? ""])) as Record<
    Name,
    string
  >;
}
