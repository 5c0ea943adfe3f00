/** The text that opens: 256 random bits behind a prefix that says what it is, for people and for scanners of leaked secrets. */

import { Buffer } from 'node:buffer';
import type { KeyClass } from '../../durable-objects/keys.ts';
import { formatHex } from '../../model/ids.ts';

const SECRET_BYTES = 32;

/** `tr_page_` and 43 letters, digits, `-` and `_`. */
export function newSecret(keyClass: KeyClass): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return `tr_${keyClass}_${Buffer.from(bytes).toString('base64url')}`;
}

/** Id of a key, which is no secret. */
export function newKeyId(): string {
  return `key_${formatHex(crypto.getRandomValues(new Uint8Array(6)))}`;
}

/** SHA-256. */
export async function digestOf(secret: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret)));
}
