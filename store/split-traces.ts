import { ProtoError } from '../model/otlp/proto-reader.ts';
import { ProtoWriter } from '../model/otlp/proto-writer.ts';
import { scanTraces } from '../model/otlp/scan.ts';
import { writeRows } from '../model/otlp/slice.ts';

/** OTLP `TracesData` cut between spans into messages of at most `maxBytes`; a single span may be larger. */
export function splitTraces(otlp: Uint8Array, maxBytes: number): Uint8Array[] {
  if (otlp.length <= maxBytes) return [otlp];
  try {
    const table = scanTraces(otlp);
    const cut = (rows: readonly number[]): Uint8Array[] => {
      const writer = new ProtoWriter(maxBytes);
      writeRows(writer, table, rows);
      const half = rows.length >> 1;
      if (writer.length <= maxBytes || half === 0) return [writer.finish()];
      return [...cut(rows.slice(0, half)), ...cut(rows.slice(half))];
    };
    return cut(Array.from({ length: table.count }, (_, row) => row));
  } catch (error) {
    // What was stored is given out as it is.
    if (error instanceof ProtoError) return [otlp];
    throw error;
  }
}
