import { ProtoError } from '../model/otlp/proto-reader.ts';
import { scanTraces } from '../model/otlp/scan.ts';
import { SlicePlan } from '../model/otlp/slice.ts';

/** OTLP `TracesData` cut between spans into messages of at most `maxBytes`; a single span may be larger. */
export function splitTraces(otlp: Uint8Array, maxBytes: number): Uint8Array[] {
  if (otlp.length <= maxBytes) return [otlp];
  try {
    const table = scanTraces(otlp);
    const rows = Int32Array.from({ length: table.count }, (_, row) => row);
    const cut = (from: number, to: number): Uint8Array[] => {
      const plan = new SlicePlan(table, rows, from, to);
      if (plan.length > maxBytes && to - from > 1) {
        const middle = (from + to) >> 1;
        return [...cut(from, middle), ...cut(middle, to)];
      }
      const message = new Uint8Array(plan.length);
      plan.writeTo(message, 0);
      return [message];
    };
    return cut(0, rows.length);
  } catch (error) {
    // What was stored is given out as it is.
    if (error instanceof ProtoError) return [otlp];
    throw error;
  }
}
