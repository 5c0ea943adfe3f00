/** What of a URL may be recorded: queries, fragments and user names often hold secrets. */

/** Origin and path; of URLs that have no origin, such as `data:`, the scheme alone. */
export function scrubUrl(text: string): string {
  try {
    const { protocol, origin, host, pathname } = new URL(text);
    return host ? (origin === 'null' ? `${protocol}//${host}` : origin) + pathname : protocol;
  } catch {
    return '';
  }
}

/** A text with the URLs in it scrubbed. */
export function scrubText(text: string): string {
  return text.replace(/\b[a-z][a-z\d+.-]*:\/\/[^\s'"<>)\]]+/gi, scrubUrl);
}
