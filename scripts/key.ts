/** `npm run key -- create|list|rotate|revoke`: who may come in, of an edge that runs here or anywhere. */
import { parseArgs } from 'node:util';

const HELP = `npm run key -- create --class page|service|read|admin --name NAME [options]
npm run key -- list
npm run key -- rotate ID [--grace SECONDS]
npm run key -- revoke ID

Makes, lists, changes and takes away the keys of an edge. A secret is printed once, when it is made.

  --url URL           the edge, http://127.0.0.1:8787 if not given
  --admin-key KEY     an admin key; better in the variable TAILRACE_ADMIN_KEY, where others on this machine do not see it
  --class CLASS       page: public, for pages of its origins; service: sends spans; read, admin: the API
  --name NAME         what it is for, for people
  --origin ORIGIN     of pages that may use it, for example https://shop.example; may be given several times
  --rate N            spans a second that are taken in under it
  --daily N           spans a day (UTC)
  --expires TIME      when it ends, for example 2027-01-31T00:00:00Z
  --grace SECONDS     how long the secret before still opens, a day if not given; 0 where it has leaked
  --json              what the edge answers, for scripts
  --help              this text`;

class UsageError extends Error {}

interface KeyInfo {
  readonly id: string;
  readonly name: string;
  readonly class: string;
  readonly origins: readonly string[];
  readonly spansPerSecond: number | null;
  readonly spansPerDay: number | null;
  readonly expires: string | null;
  readonly revoked: string | null;
  readonly previousUntil: string | null;
  readonly secret?: string;
}

function parseOptions(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        url: { type: 'string', default: 'http://127.0.0.1:8787' },
        'admin-key': { type: 'string', default: process.env.TAILRACE_ADMIN_KEY ?? '' },
        class: { type: 'string' },
        name: { type: 'string' },
        origin: { type: 'string', multiple: true },
        rate: { type: 'string' },
        daily: { type: 'string' },
        expires: { type: 'string' },
        grace: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Options = ReturnType<typeof parseOptions>['values'];

/** The edge's answer to a call of `/api/keys`. Throws UsageError with its words where it refuses. */
async function call(options: Options, method: string, path: string, body?: object): Promise<unknown> {
  const url = `${options.url.replace(/\/$/, '')}/api/keys${path}`;
  if (!URL.canParse(url)) throw new UsageError(`--url takes an address, not '${options.url}'.`);
  const key = options['admin-key'];
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      // A local start asks for none.
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new UsageError(`${options.url} does not answer: ${((error as Error).cause as Error | undefined)?.message}`);
  }
  if (response.status === 204) return null;
  const answer = (await response.json().catch(() => null)) as { error?: { message: string } } | null;
  if (response.ok && answer) return answer;
  throw new UsageError(`${options.url} answers ${response.status}: ${answer?.error?.message ?? response.statusText}`);
}

function parseNumber(options: Options, name: 'rate' | 'daily' | 'grace'): number | undefined {
  const text = options[name];
  if (text !== undefined && !/^\d+$/.test(text)) throw new UsageError(`--${name} takes a number, not '${text}'.`);
  return text === undefined ? undefined : Number(text);
}

const COMMANDS: Readonly<Record<string, (options: Options, id: string) => Promise<unknown>>> = {
  create: (options) =>
    call(options, 'POST', '', {
      name: options.name,
      class: options.class,
      origins: options.origin,
      spansPerSecond: parseNumber(options, 'rate'),
      spansPerDay: parseNumber(options, 'daily'),
      expires: options.expires,
    }),
  list: (options) => call(options, 'GET', ''),
  rotate: (options, id) => call(options, 'POST', `/${id}/rotate`, { graceSeconds: parseNumber(options, 'grace') }),
  revoke: (options, id) => call(options, 'DELETE', `/${id}`),
};

function describe(key: KeyInfo): string {
  return [
    `${key.id}  ${key.class.padEnd(7)}  ${key.name}`,
    ...key.origins.map((origin) => `for ${origin}`),
    ...(key.spansPerSecond === null ? [] : [`${key.spansPerSecond} spans/s`]),
    ...(key.spansPerDay === null ? [] : [`${key.spansPerDay} spans a day`]),
    ...(key.expires === null ? [] : [`until ${key.expires}`]),
    ...(key.previousUntil === null || key.revoked !== null ? [] : [`the secret before until ${key.previousUntil}`]),
    ...(key.revoked === null ? [] : [`revoked ${key.revoked}`]),
  ].join(', ');
}

function print(answer: unknown, id: string): string {
  if (answer === null) return `${id} is revoked; within 10 seconds it opens nothing.`;
  const { keys } = answer as { keys?: readonly KeyInfo[] };
  if (keys) return keys.length > 0 ? keys.map(describe).join('\n') : 'There are no keys yet.';
  const key = answer as KeyInfo;
  return `${describe(key)}\n\n  ${key.secret}\n\nThis is shown only now.`;
}

try {
  const { values, positionals } = parseOptions(process.argv.slice(2));
  const [command = '', id = '', ...rest] = positionals;
  if (values.help || command === '') console.log(HELP);
  else {
    const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
    if (!run) throw new UsageError(`There is no '${command}': create, list, rotate or revoke.`);
    const wantsId = command === 'rotate' || command === 'revoke';
    if (rest.length > 0 || (id !== '') !== wantsId || (wantsId && !/^\w+$/.test(id))) {
      throw new UsageError(`${command} takes ${wantsId ? 'the id of one key' : 'nothing but options'}.`);
    }
    const answer = await run(values, id);
    console.log(values.json ? JSON.stringify(answer) : print(answer, id));
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
