/** `tailrace/consent`: `init` for pages that may trace only when their user has said so. */

import type { InitOptions } from '../api/options.ts';
import { init as initNow } from '../init.ts';
import { type ConsentOptions, type ConsentTailrace, gate } from './gate.ts';

export type { Consent, ConsentOptions, ConsentTailrace } from './gate.ts';

/**
 * Like `init` of `tailrace`, but with `consent: 'pending'` nothing is recorded, stored, sent, propagated or patched
 * before `setConsent('granted')`.
 */
export function init(options: InitOptions & ConsentOptions): ConsentTailrace {
  return gate(options, initNow);
}
