/** The text format of OpenMetrics (https://prometheus.io/docs/specs/om/open_metrics_spec/). */

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
  /** When counting began, of a counter that says so; seconds since the epoch. */
  readonly created?: number;
}

/**
 * Label set, `{reason="error"}` or empty, and value; of a histogram the name's suffix stands before it. What is not known is
 * left out. An exemplar is its labels, value and time.
 */
export type Sample = readonly [labels: string, value: number | undefined, exemplar?: string];

/** The whole exposition. */
export function renderFamilies(families: readonly Family[]): string {
  return `${families.map(renderFamily).join('')}# EOF\n`;
}

export function counter(name: string, help: string, value: number | undefined): Family {
  return { name, type: 'counter', help, samples: [['', value]] };
}

export function gauge(name: string, help: string, value: number): Family {
  return { name, type: 'gauge', help, samples: [['', value]] };
}

function renderFamily({ name, type, help, samples, created }: Family): string {
  const suffix = type === 'counter' ? '_total' : '';
  const lines = samples
    .filter(([, value]) => value !== undefined)
    .map(([labels, value, exemplar]) => {
      const line = `${name}${suffix}${labels} ${value}${exemplar ? ` # ${exemplar}` : ''}\n`;
      return created === undefined ? line : `${line}${name}_created${labels} ${created}\n`;
    });
  return `# TYPE ${name} ${type}\n# HELP ${name} ${help}\n${lines.join('')}`;
}
