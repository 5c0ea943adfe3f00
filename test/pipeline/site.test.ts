import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEdge, type TestEdge } from '../kit/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await startEdge();
});
afterAll(() => edge.close());

it.each(['/', '/trace/0123456789abcdef0123456789abcdef'])('serves the page at %s under a policy', async (path) => {
  const response = await fetch(`${edge.url}${path}`, { headers: { 'sec-fetch-mode': 'navigate' } });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('<title>Tailrace</title>');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
});

it.each(['/sdk/tailrace.js', '/sdk/recorder.js', '/sdk/steering.js'])(
  'serves %s to pages of any origin, isolated ones too',
  async (path) => {
    const response = await fetch(`${edge.url}${path}`);
    expect(response.headers.get('content-type')).toMatch(/javascript/);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    expect(response.headers.get('content-security-policy')).toBeNull();
  },
);
