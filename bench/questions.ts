/** What users ask, each time something else. */

import { HOUR_US, REGIONS, SERVICES, USERS, type WrittenTraces } from './stored-traces.ts';

export interface Question {
  readonly name: string;
  /** What is asked of p95, in milliseconds. */
  readonly askedMs: number | null;
  readonly path: (random: () => number, written: WrittenTraces) => string;
}

export const oneOf = <T>(list: readonly T[], random: () => number) => list[Math.floor(random() * list.length)]!;
const day = ({ startUs, endUs }: WrittenTraces) => `start=${startUs}&end=${endUs}`;
const line = (text: string) => `q=${encodeURIComponent(text)}`;

export const QUESTIONS: readonly Question[] = [
  { name: 'trace by id', askedMs: 40, path: (random, { sample }) => `/api/traces/${oneOf(sample, random)}` },
  {
    name: 'service and an hour, first page',
    askedMs: 60,
    path: (random, { startUs }) => {
      const from = startUs + Math.floor(random() * 23) * HOUR_US;
      return `/api/traces?service=${oneOf(SERVICES, random)}&start=${from}&end=${from + HOUR_US}`;
    },
  },
  {
    name: 'any attribute, a day',
    askedMs: 300,
    path: (random, written) => `/api/traces?${line(`user.id=user-${Math.floor(random() * USERS)}`)}&${day(written)}`,
  },
  {
    name: 'numeric range, 0.5 %, a day',
    askedMs: 300,
    path: (random, written) => {
      const from = Math.floor(random() * 990);
      return `/api/traces?${line(`cart.value>=${from} cart.value<${from + 5}`)}&${day(written)}`;
    },
  },
  {
    name: 'numeric range, half, a day',
    askedMs: 300,
    path: (random, written) => `/api/traces?${line(`cart.value>${(400 + random() * 200).toFixed(2)}`)}&${day(written)}`,
  },
  {
    name: 'three conditions, a day',
    askedMs: 300,
    path: (random, written) => {
      const conditions = `service=${oneOf(SERVICES, random)} http.response.status_code>=500 cloud.region=${oneOf(REGIONS, random)}`;
      return `/api/traces?${line(conditions)}&${day(written)}`;
    },
  },
  {
    name: 'count of three conditions, a day',
    askedMs: 200,
    path: (random, written) => {
      const conditions = `service=${oneOf(SERVICES, random)} http.response.status_code>=500 cloud.region=${oneOf(REGIONS, random)}`;
      return `/api/traces/count?${line(conditions)}&${day(written)}`;
    },
  },
  {
    name: 'count of a service, a day',
    askedMs: 200,
    path: (random, written) => `/api/traces/count?service=${oneOf(SERVICES, random)}&${day(written)}`,
  },
  { name: 'dependency graph of a day', askedMs: 80, path: (_, written) => `/api/dependencies?${day(written)}` },
  {
    name: 'slowest of a service, a day',
    askedMs: null,
    path: (random, written) => `/api/traces?service=${oneOf(SERVICES, random)}&order=slowest&${day(written)}`,
  },
  {
    name: 'heat map of a service, a day',
    askedMs: null,
    path: (random, written) => `/api/traces/histogram?service=${oneOf(SERVICES, random)}&${day(written)}`,
  },
  {
    name: 'page of 1,000 of a service',
    askedMs: null,
    path: (random, written) => `/api/traces?service=${oneOf(SERVICES, random)}&limit=1000&${day(written)}`,
  },
];
