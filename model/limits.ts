/** Every limit of the edge and the wire, in one place, with the unit in the name. All are checked before acting. */

/** A request's body, as it arrives and after decompression, where nothing else is configured. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** One span's OTLP bytes; a log row and a block hold at most 2 MB in one value. */
export const MAX_SPAN_BYTES = 1024 * 1024;
/** Spans, and resources and scopes together, in one request. A few bytes of each are enough to fill an isolate. */
export const MAX_SPANS_PER_REQUEST = 50_000;
export const MAX_ENVELOPES_PER_REQUEST = 10_000;
/** A resource and a scope, which are copied into every trace's slice. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;
/** An attribute's key; and all keys of all services that an isolate knows. */
export const MAX_KEY_BYTES = 256;
export const MAX_KNOWN_KEY_BYTES = 4 * 1024 * 1024;
/** Samples of rejected spans: how much of a span, how many an isolate tells of at a time, how often, and how many tellings are kept. */
export const MAX_SAMPLE_BYTES = 512;
export const MAX_SAMPLES_AT_ONCE = 16;
export const QUARANTINE_INTERVAL_MS = 10_000;
export const MAX_QUARANTINE_ROWS = 64;
/**
 * What a request may be when it is cut by trace, however large a body may be: below the 32 MiB that one call to a shard may have,
 * and there are three of it in the isolate's 128 MB, the body, the frames and what the calls have copied of them.
 */
export const MAX_SLICED_BYTES = 24 * 1024 * 1024;
/** Objects and arrays in a JSON body, which take far more memory than bytes. */
export const MAX_JSON_OBJECTS = 1_000_000;
/** Different keys in it, which take a hundred bytes each. */
export const MAX_JSON_KEYS = 200_000;
/** Bodies that an isolate works on at the same time. */
export const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024;
/** One message of a stream (`docs/stream-format.md`). */
export const MAX_STREAM_MESSAGE_BYTES = 1024 * 1024;
/** Messages beyond its credit that a sender is forgiven, one after the other; then its stream ends. */
export const MAX_MESSAGES_BEYOND_CREDIT = 64;
/**
 * Calls that one stream may make for messages, and how long it may live, because the platform bounds those of one request to 1,000; then
 * it ends, to be opened again. In that time it asks for its key 120 times and tells the Ledger 60 times.
 */
export const MAX_STREAM_CALLS = 800;
export const MAX_STREAM_MS = 600_000;
/** A stream on which nothing comes ends. */
export const STREAM_IDLE_MS = 300_000;
/** A service's or operation's name as it is indexed, listed and searched, in UTF-16 units. Spans keep theirs whole. */
export const MAX_NAME_CHARS = 512;
/** One trace's share of one append; larger ones are cut into several slices. */
export const MAX_SLICE_BYTES = 1024 * 1024;
/** One row of a shard's log (the platform's limit is 2 MB a value). */
export const MAX_LOG_ROW_BYTES = 1_900_000;
/** A log bucket closes at this age or this size, whichever comes first. */
export const BUCKET_MAX_AGE_MS = 60_000;
export const BUCKET_MAX_BYTES = 64 * 1024 * 1024;
/** A shard's buckets are smaller by less than this. */
export const BUCKET_SPREAD_BYTES = BUCKET_MAX_BYTES / 4;
/** How long a closed bucket stays readable; what is unsettled in it then moves to the current one. */
export const BUCKET_KEEP_MS = 600_000;
/** A span that was open when its trace was decided is waited for as long as it is heard of this often. */
export const OPEN_SPAN_SILENCE_MS = 30_000;
/** Decisions a shard remembers of traces that have left its memory; what is forgotten is decided anew. */
export const MAX_REMEMBERED_DECISIONS = 1_000_000;
/** A trace is decided at this age at the latest. */
export const MAX_TRACE_AGE_MS = 60_000;
/** A live trace of this size is decided at once; what comes later is a further part of it. */
export const MAX_TRACE_BYTES = 16 * 1024 * 1024;
/** One R2 block before compression, and the traces in it. */
export const MAX_BLOCK_BYTES = 8 * 1024 * 1024;
export const MAX_BLOCK_TRACES = 1_000;
/** Services and operations a shard's catalog remembers. */
export const MAX_OPERATIONS_PER_SERVICE = 2_000;
export const MAX_SERVICES = 1_000;
export const MAX_OPERATIONS_PER_SHARD = 20_000;
/** Instances the catalog holds of a service and in all, versions of a service, and how much of their names. */
export const MAX_INSTANCES_PER_SERVICE = 1_000;
export const MAX_INSTANCES = 50_000;
export const MAX_VERSIONS_PER_SERVICE = 100;
export const MAX_INSTANCE_CHARS = 128;
export const MAX_VERSION_CHARS = 64;
/** Who has not been seen for so long is not live; an instance that has not been seen for a day is forgotten. */
export const LIVE_MS = 5 * 60_000;
export const INSTANCE_KEEP_MS = 24 * 3_600_000;
/** Sightings that an isolate tells the Ledger of at once. */
export const MAX_SIGHTINGS = 2_000;
/** What a shard answers of a trace in one call. */
export const MAX_READ_BYTES = 16 * 1024 * 1024;
/** Query API. */
export const MAX_SEARCH_LIMIT = 1_000;
export const DEFAULT_SEARCH_LIMIT = 20;
/** Traces that one answer has with all their spans, each some calls of the 1,000 that a request may make; and their OTLP bytes. */
export const MAX_ANSWER_TRACES = 100;
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** The time a search is about: where none is given, and at most. */
export const DEFAULT_SEARCH_RANGE_US = 3_600_000_000;
export const MAX_SEARCH_RANGE_US = 30 * 86_400_000_000;
/** A query line in UTF-16 units, and the conditions on it. */
export const MAX_QUERY_CHARS = 4_096;
export const MAX_QUERY_CONDITIONS = 32;
/** What is searched of a term's key and of its value, in UTF-8; the rest does not count. */
export const MAX_TERM_BYTES = 256;
/** What an isolate holds of stored traces that it has read: of all, and of one. */
export const MAX_CACHED_BYTES = 16 * 1024 * 1024;
export const MAX_CACHED_TRACE_BYTES = 6 * 1024 * 1024;
/** Packed rows of the statistics around a trace: of the minutes on both sides of its own only as many as there is room for. */
export const MAX_WINDOW_BYTES = 512 * 1024;
export const WINDOW_MINUTES = 5;
/** A regular expression, what it compiles to, and what is remembered of it. */
export const MAX_PATTERN_CHARS = 512;
export const MAX_PATTERN_STEPS = 1_000;
export const MAX_PATTERN_STATES = 200;
export const MAX_PATTERN_DEPTH = 32;
/** Traces that one search of Tempo's API reads to look at their spans, and that tags are taken from; each is some calls of a thousand. */
export const MAX_TEMPO_READ_TRACES = 150;
/** What it reads of them in all, in OTLP, and spans of those that it reads at the same time, unless one trace has more. */
export const MAX_TEMPO_READ_BYTES = 64 * 1024 * 1024;
export const MAX_TEMPO_SPANS_AT_ONCE = 10_000;
export const MAX_TEMPO_TAG_TRACES = 50;
/** Spans in a spanset of an answer; steps of a series, and of all series of an answer, each of which may have a histogram. */
export const MAX_TEMPO_SPANS_PER_SPANSET = 1_000;
export const MAX_TEMPO_STEPS = 11_000;
export const MAX_TEMPO_POINTS = 100_000;
/** A TraceQL query in UTF-16 units, its operators, and how deep its parentheses are. */
export const MAX_TRACEQL_CHARS = 16_384;
export const MAX_TRACEQL_OPERATORS = 256;
export const MAX_TRACEQL_DEPTH = 64;
/** A shard that has not answered by then makes the whole request fail with 503. */
export const SHARD_TIMEOUT_MS = 2_000;
/** Slots of the routing table, and shards to give them to. */
export const ROUTING_SLOTS = 4_096;
export const MAX_SHARDS = 256;
/** What one shard counts of one minute apart from `other`; a minute's packed row with all of it is below MAX_STATISTICS_ROW_BYTES. */
export const MAX_MINUTE_OPERATIONS = 8_000;
export const MAX_MINUTE_EDGES = 4_000;
export const MAX_MINUTE_TEXT_BYTES = 256 * 1024;
/** Occupied histogram buckets of a minute; beyond, all its histograms halve their resolution. */
export const MAX_MINUTE_BUCKETS = 80_000;
export const MAX_STATISTICS_ROW_BYTES = 1_900_000;
/** A span that started longer ago, or this far ahead, is counted in the minute it was measured in. */
export const MAX_STATISTICS_AGE_MINUTES = 60;
export const MAX_STATISTICS_AHEAD_MINUTES = 5;
/** Packed minutes a shard holds for late spans; beyond, it gives up the oldest early. */
export const MAX_STATISTICS_BYTES = 16 * 1024 * 1024;
/** Rows of minutes that were given up and not written yet, because the store is away; beyond, the oldest are lost. */
export const MAX_UNWRITTEN_STATISTICS_BYTES = 8 * 1024 * 1024;
/** Buckets in unpacked minutes, about 25 bytes each; beyond, all minutes are packed at once. */
export const MAX_OPEN_BUCKETS = 400_000;
/** In how many spans' stead one may count. */
export const MAX_SPAN_WEIGHT = 2 ** 20;
/** Body of a request that has a document of configuration, and of any other that is not about spans. */
export const MAX_CONFIG_BYTES = 256 * 1024;
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Keys whose share of the capacity is known at the same time, by the Ledger and by an isolate: more than there can be. */
export const MAX_CALLERS = 1_100;
