// The state of the page in the hash: #/PAGE?NAME=VALUE&…; defaults are left out.

export type State = Record<string, string>;

export interface Place {
  page: string;
  state: State;
}

export function read(hash: string = location.hash): Place {
  const [path = "", query = ""] = split(hash.replace(/^#?\/?/, ""), "?");
  const state: State = Object.create(null) as State;
  for (const pair of query.split("&")) {
    const [name = "", value = ""] = split(pair, "=");
    if (name) state[decoded(name)] = decoded(value);
  }
  return { page: path, state };
}

export function href(page: string, state: Record<string, string | null | undefined> = {}): string {
  const query = Object.entries(state)
    .filter(([, value]) => value)
    .map(([name, value]) => `${encoded(name)}=${encoded(value ?? "")}`)
    .join("&");
  return `#/${page}${query ? `?${query}` : ""}`;
}

/** Change some of the state without a new entry in the browser's history. */
export function update(changes: Record<string, string | null | undefined>): void {
  const { page, state } = read();
  history.replaceState(null, "", href(page, { ...state, ...changes }));
}

function split(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function encoded(text: string): string {
  // a lone surrogate, which encodeURIComponent refuses, is written as \uXXXX behind a control mark
  const whole = text.replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (one) => `\u0001${one.charCodeAt(0).toString(16)}`,
  );
  return encodeURIComponent(whole).replace(/%2F/g, "/").replace(/%3A/g, ":").replace(/%20/g, "+");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, "%20")).replace(
      /\u0001(d[89a-f][0-9a-f]{2})/g,
      (_, code: string) => String.fromCharCode(parseInt(code, 16)),
    );
  } catch {
    return text;
  }
}
