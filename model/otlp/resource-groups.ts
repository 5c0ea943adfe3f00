/** Spans of formats that name the service on each span, gathered by resource as OTLP has them. */

import { MAX_SLICED_BYTES } from '../limits.ts';
import { concatBytes } from '../slice-frame.ts';
import type { SpanData, SpanDataAttributes } from '../span-data.ts';
import { encodeTracesData } from './encode.ts';
import { TooManyError } from './proto-reader.ts';

export class ResourceGroups {
  private readonly groups = new Map<string, { readonly resource: SpanDataAttributes; readonly spans: SpanData[] }>();
  private readonly common: SpanDataAttributes;
  private readonly commonLength: number;
  private length = 0;

  /** `common`: what all resources have, unless they say otherwise. */
  constructor(common: SpanDataAttributes = []) {
    this.common = common;
    this.commonLength = JSON.stringify(common).length;
  }

  /** Throws TooManyError where the resources become larger than what a request may grow to. */
  add(own: SpanDataAttributes, span: SpanData): void {
    const key = JSON.stringify(own);
    const group = this.groups.get(key);
    if (group) {
      group.spans.push(span);
      return;
    }
    // A few bytes of a span are enough for one more copy of what is common.
    this.length += this.commonLength + key.length;
    if (this.length > MAX_SLICED_BYTES) throw new TooManyError(`more than ${MAX_SLICED_BYTES} bytes of resources`);
    this.groups.set(key, { resource: [...new Map([...this.common, ...own])], spans: [span] });
  }

  /** OTLP `TracesData` bytes of all spans. */
  encode(): Uint8Array {
    return concatBytes([...this.groups.values()].map(({ resource, spans }) => encodeTracesData(resource, spans)));
  }
}
