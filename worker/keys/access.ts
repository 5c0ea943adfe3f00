/**
 * Cloudflare Access in front of a deployment: whoever it has let in may read, and change what the configuration says
 * (https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/).
 */

import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Env } from '../../durable-objects/env.ts';
import { HttpError } from '../errors.ts';
import type { Caller } from './caller.ts';

let keySet: { readonly team: string; readonly keys: JWTVerifyGetKey } | null = null;

export function hasAccess(env: Env): boolean {
  return Boolean(env.TAILRACE_ACCESS_TEAM && env.TAILRACE_ACCESS_AUD);
}

/** Who the token says that Access has let in; null where it is none of ours, or over. Throws HttpError 503 while the team's keys cannot be had, or its address is none. */
export async function callerOfAccess(env: Env, token: string): Promise<Caller | null> {
  const address = env.TAILRACE_ACCESS_TEAM!;
  if (!URL.canParse(address)) {
    throw new HttpError(503, 'not_configured', 'TAILRACE_ACCESS_TEAM: want https://TEAM.cloudflareaccess.com');
  }
  const team = new URL(address).origin;
  if (keySet?.team !== team) keySet = { team, keys: createRemoteJWKSet(new URL(`${team}/cdn-cgi/access/certs`)) };
  try {
    const { payload } = await jwtVerify(token, keySet.keys, {
      issuer: team,
      audience: env.TAILRACE_ACCESS_AUD!,
      algorithms: ['RS256', 'ES256'],
      requiredClaims: ['exp'],
    });
    const { email, common_name: service, groups, custom } = payload;
    const name = [email, service, payload.sub].find((text) => typeof text === 'string' && text !== '');
    if (typeof name !== 'string') return null;
    const members = [groups, (custom as { groups?: unknown } | undefined)?.groups].flat();
    const admins = (env.TAILRACE_ACCESS_ADMINS ?? '').split(',').map((text) => text.trim());
    const isAdmin = admins.some(
      (admin) =>
        admin !== '' &&
        (admin.startsWith('group:') ? members.includes(admin.slice(6)) : admin.toLowerCase() === name.toLowerCase()),
    );
    return { who: name, class: isAdmin ? 'admin' : 'read', key: null };
  } catch (error) {
    if (isAboutToken(error)) return null;
    console.error(`Cloudflare Access: ${(error as Error).message}`);
    throw new HttpError(503, 'unavailable', 'the keys of Cloudflare Access cannot be had: try again later', 1);
  }
}

/** Everything else is about the keys: there is no answer, or another one than there should be. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported
  );
}
