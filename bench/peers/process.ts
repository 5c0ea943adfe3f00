/** What processes have used, as Linux counts it. */

import { readdirSync, readFileSync } from 'node:fs';

/** Linux gives programs hundredths of a second, whatever its own clock does. */
const TICKS_PER_SECOND = 100;

interface Stat {
  readonly name: string;
  /** What follows the name; the first is the state. */
  readonly fields: readonly string[];
}

function readStat(pid: number): Stat {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // A name may have spaces and brackets of its own.
  const end = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, end), fields: text.slice(end + 2).split(' ') };
}

/** The ids of a process's children that run the program `name`. */
export function childrenOf(parent: number, name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readStat(pid);
        return stat.name === name && Number(stat.fields[1]) === parent;
      } catch {
        // It has ended since.
        return false;
      }
    });
}

/** Seconds of all cores that these have used since they began. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const { fields } = readStat(pid);
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** The most that each of these has held in memory at once, added up; MiB. */
export function peakMemory(pids: readonly number[]): number {
  const peaks = pids.map((pid) => /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return peaks.reduce((sum, kibibytes) => sum + Number(kibibytes), 0) / 1024;
}
