import { badRequest } from './tempo-error.ts';

export type Logfmt = readonly (readonly [key: string, value: string])[];

const PAIR = /\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s="]*)))?(?=\s|$)/sy;

/** `service.name=cart http.url="/a b"` (https://brandur.org/logfmt), each key once. Throws HttpError 400 with go-logfmt's words. */
export function parseLogfmt(text: string): Logfmt {
  const pairs = new Map<string, string>();
  const rest = text.trimEnd();
  for (let at = 0; at < rest.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(rest);
    if (!pair) throw faultAt(rest, at);
    const [, key = '', quoted, plain = ''] = pair;
    if (pairs.has(key)) throw badRequest(`invalid tags: tag ${key} has been set twice`);
    pairs.set(key, quoted === undefined ? plain : unquote(quoted));
  }
  return [...pairs];
}

function unquote(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    throw badRequest('invalid tags: invalid quoted value');
  }
}

/** What stands where it must not: the first `=` or quote behind a whole pair, or a quote that is not closed. */
function faultAt(text: string, start: number) {
  const open = /^\s*[^\s="]+="/.exec(text.slice(start));
  if (open) {
    const isClosed = /^(?:[^"\\]|\\.)*"/s.test(text.slice(start + open[0].length));
    if (!isClosed) return badRequest(`invalid tags: unterminated quoted value at pos ${text.length + 1}`);
  }
  const before = /^\s*(?:[^\s="]+(?:=(?:"(?:[^"\\]|\\.)*"|[^\s="]*))?)?/s.exec(text.slice(start))![0].length;
  return badRequest(`invalid tags: unexpected '${text[start + before]}' at pos ${start + before + 1}`);
}
