/** Keys from the command line, and Cloudflare Access with a team's keys that are made here, both against the built edge. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/run.ts';
import { startEdge, type TestEdge } from '../kit/edge.ts';

const AUDIENCE = 'the-application';
const ADMIN_KEY = 'the-first-admin-key';

const { publicKey, privateKey } = await generateKeyPair('RS256');
const stranger = await generateKeyPair('RS256');
let certificatesAsked = 0;
const server = createServer(async (request, response) => {
  certificatesAsked++;
  const isCerts = request.url === '/cdn-cgi/access/certs';
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
  response.writeHead(isCerts ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }));
});
let team: string;
let edge: TestEdge;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  team = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  edge = await startEdge({
    vars: {
      TAILRACE_ADMIN_KEY: ADMIN_KEY,
      TAILRACE_ACCESS_TEAM: team,
      TAILRACE_ACCESS_AUD: AUDIENCE,
      TAILRACE_ACCESS_ADMINS: 'root@shop.example, group:operators',
    },
  });
});

afterAll(async () => {
  await edge?.close();
  server.close();
});

interface Claims {
  readonly [name: string]: unknown;
  readonly email?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly expires?: string;
  readonly signedBy?: CryptoKey;
}

function token({ issuer = team, audience = AUDIENCE, expires = '1h', signedBy = privateKey, ...claims }: Claims) {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(signedBy);
}

const call = async (method: string, path: string, headers: Record<string, string>) =>
  (await fetch(`${edge.url}${path}`, { method, headers })).status;

describe('Cloudflare Access', () => {
  it('lets those read whom it has let in, and those change that are named', async () => {
    const reader = { 'cf-access-jwt-assertion': await token({ email: 'reader@shop.example' }) };
    const admin = { 'cf-access-jwt-assertion': await token({ email: 'Root@shop.example' }) };
    const member = { 'cf-access-jwt-assertion': await token({ email: 'a@shop.example', groups: ['operators'] }) };
    expect(await call('GET', '/api/services', reader)).toBe(200);
    expect(await call('GET', '/api/keys', reader)).toBe(403);
    expect(await call('GET', '/api/keys', admin)).toBe(200);
    expect(await call('GET', '/api/keys', member)).toBe(200);
    expect(await call('GET', '/api/services', { cookie: `CF_Authorization=${admin['cf-access-jwt-assertion']}` })).toBe(
      200,
    );
    // It is nobody who sends spans.
    expect(await call('POST', '/v1/traces', admin)).toBe(401);
    expect(certificatesAsked).toBe(1);
  });

  it.each([
    ['another application', { audience: 'another' }],
    ['another team', { issuer: 'https://other.cloudflareaccess.com' }],
    ['time that is over', { expires: '-1m' }],
    ['a stranger', { signedBy: stranger.privateKey }],
  ])('refuses a token of %s', async (_, claims) => {
    const assertion = await token({ email: 'root@shop.example', ...claims });
    expect(await call('GET', '/api/services', { 'cf-access-jwt-assertion': assertion })).toBe(401);
  });

  it('refuses what is no token, and one that is not signed', async () => {
    const [, payload] = (await token({ email: 'root@shop.example' })).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    for (const assertion of ['x', 'a.b.c', none]) {
      expect(await call('GET', '/api/services', { 'cf-access-jwt-assertion': assertion })).toBe(401);
    }
  });

  it('changes nothing for a page of another origin, to whose calls the browser adds the cookie', async () => {
    const admin = { cookie: `CF_Authorization=${await token({ email: 'root@shop.example' })}` };
    expect(await call('DELETE', '/api/config', { ...admin, origin: 'https://evil.example' })).toBe(403);
    expect(await call('DELETE', '/api/config', { ...admin, origin: edge.url })).toBe(200);
  });

  it('is on record by email', async () => {
    const admin = { 'cf-access-jwt-assertion': await token({ email: 'root@shop.example' }) };
    const response = await fetch(`${edge.url}/api/audit`, { headers: admin });
    expect(await response.text()).toMatch(/"who":"root@shop.example","action":"config.delete"/);
  });
});

describe('npm run key', () => {
  /** What it prints, or what it complains of. */
  async function key(...args: string[]): Promise<{ readonly out: string; readonly error: string }> {
    const env = { ...process.env, TAILRACE_ADMIN_KEY: ADMIN_KEY };
    const command = ['scripts/node.mjs', 'scripts/key.ts', ...args, '--url', edge.url];
    const run = promisify(execFile)('node', command, { cwd: ROOT, env });
    return run.then(
      ({ stdout }) => ({ out: stdout, error: '' }),
      (error: { stderr: string }) => ({ out: '', error: error.stderr }),
    );
  }

  it('makes, lists, rotates and revokes', async () => {
    expect((await key('rotate', '--help')).out).toContain('npm run key -- rotate ID [--grace SECONDS]\n');
    expect((await key('list')).out).toBe('There are no keys yet.\n');
    const made = await key(
      'create',
      '--class',
      'page',
      '--name',
      'the shop',
      '--origin',
      'https://shop.example',
      '--daily',
      '9',
    );
    const [, id, secret] =
      /^(key_\w+) {2}page {5}the shop, for https:\/\/shop.example, 9 spans a day\n\n {2}(tr_page_\S{43})\n/.exec(
        made.out,
      )!;
    expect(await call('POST', `/v1/batch?key=${secret}`, { origin: 'https://shop.example' })).toBe(400);
    const next = JSON.parse((await key('rotate', id!, '--grace', '0', '--json')).out) as { secret: string };
    expect(await call('POST', `/v1/batch?key=${next.secret}`, { origin: 'https://shop.example' })).toBe(400);
    expect(await call('POST', `/v1/batch?key=${secret}`, { origin: 'https://shop.example' })).toBe(401);
    expect((await key('revoke', id!)).out).toMatch(/is revoked/);
    expect((await key('list')).out).toMatch(/the shop, .*, revoked \d{4}-/);
    expect(await call('POST', `/v1/batch?key=${next.secret}`, { origin: 'https://shop.example' })).toBe(401);
  });

  it.each([
    [['create', '--class', 'page', '--name', 'n'], 'answers 400: origins: a page key, and no other, has origins'],
    [['create', '--class', 'read', '--name', 'n', '--rate', 'x'], "--rate takes a number, not 'x'."],
    [['rotate', 'key_none'], 'answers 404: there is no key key_none in use'],
    [['revoke'], 'revoke takes the id of one key.'],
    [['list', '--admin-key', 'wrong'], 'answers 401: this is not a read key'],
    [['open'], "There is no 'open': create, list, rotate or revoke."],
    [['list', '--verbose'], "Unknown option '--verbose'"],
  ])('%j says what is wrong', async (args, message) => {
    expect((await key(...args)).error).toContain(message);
  });
});

it('serves the SDK so that isolated pages of other origins may load it', async () => {
  for (const file of ['tailrace.js', 'recorder.js', 'steering.js']) {
    const { status, headers } = await fetch(`${edge.url}/sdk/${file}`);
    expect([status, headers.get('cross-origin-resource-policy'), headers.get('access-control-allow-origin')]).toEqual([
      200,
      'cross-origin',
      '*',
    ]);
  }
});
