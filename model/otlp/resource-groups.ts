/** Spans of formats that name the service on each span, gathered by resource as OTLP has them. */

import { concatBytes } from '../slice-frame.ts';
import type { SpanData, SpanDataAttributes } from '../span-data.ts';
import { encodeTracesData } from './encode.ts';

export class ResourceGroups {
  private readonly groups = new Map<string, { readonly resource: SpanDataAttributes; readonly spans: SpanData[] }>();

  add(resource: SpanDataAttributes, span: SpanData): void {
    const key = JSON.stringify(resource);
    const group = this.groups.get(key);
    if (group) group.spans.push(span);
    else this.groups.set(key, { resource, spans: [span] });
  }

  /** OTLP `TracesData` bytes of all spans. */
  encode(): Uint8Array {
    return concatBytes([...this.groups.values()].map(({ resource, spans }) => encodeTracesData(resource, spans)));
  }
}
