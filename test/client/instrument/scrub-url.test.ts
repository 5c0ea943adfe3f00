import { describe, expect, it } from 'vitest';
import { scrubText, scrubUrl } from '../../../client/instrument/scrub-url.ts';

describe('a recorded URL', () => {
  it.each([
    ['https://user:secret@shop.test:8443/a/b;c?token=1#part', 'https://shop.test:8443/a/b;c'],
    ['http://127.0.0.1/?q', 'http://127.0.0.1/'],
    ['data:text/plain,secret', 'data:'],
    ['blob:https://shop.test/0c1d', 'blob:'],
    ['chrome-extension://abc/page.html?x=1', 'chrome-extension://abc/page.html'],
    ['mailto:somebody@example.test', 'mailto:'],
    ['no url', ''],
  ])('of %s is %s', (url, scrubbed) => {
    expect(scrubUrl(url)).toBe(scrubbed);
  });

  it('is scrubbed in a message too', () => {
    const message = "Request cannot be made from 'https://me:pw@shop.test/a?b=c#d' (see http://x.test/?k=v).";
    expect(scrubText(message)).toBe("Request cannot be made from 'https://shop.test/a' (see http://x.test/).");
    expect(scrubText('Failed to fetch')).toBe('Failed to fetch');
  });
});
