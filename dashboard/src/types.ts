// Made by dashboard/generate_types.py of src/benchdb/dashboard/data/, which says what each is.

export const SCHEMA = 1;

/** A file of a run: where it is now, in the site or elsewhere. */
export interface Artifact {
  session: number;
  kind: string;
  name: string;
  href: string;
}

/** A file of a run of a case. */
export interface CaseArtifact {
  case: string;
  kind: string;
  name: string;
  href: string;
}

/** All series of a case, with their points. */
export interface CaseHistory {
  id: string;
  series: PointSeries[];
  failed: number[][];
  lost: number[][];
  hung: number[][];
  artifacts: Artifact[];
}

/** The cases whose ids have one hash. */
export interface CaseShard {
  cases: CaseHistory[];
}

/** Columns of cases. */
export interface Cases {
  id: string[];
  path: string[];
  name: string[];
  source: boolean[];
}

/** A change point. */
export interface Change {
  point: number;
  before: number | null;
  effect: number | null;
  low: number | null;
  high: number | null;
  p: number;
  verdict: number;
  event: number;
}

/** One commit, made at an instant. */
export interface Commit {
  commit: string;
  subject: string;
  author: string;
  committed: number;
}

/** Commits of a subject between two sessions. */
export interface CommitRange {
  subject: string;
  good: string;
  bad: string;
  good_version: string;
  bad_version: string;
  command: string;
  commits: Commit[];
  more: number;
}

/** Under what series ran. */
export interface Conditions {
  label: string;
  details: string[][];
}

/** A slow change: the later half of a series against the earlier one. */
export interface Drift {
  before: number | null;
  effect: number | null;
  low: number | null;
  high: number | null;
  verdict: number;
  first: number | null;
  last: number | null;
}

/** One cause: what moved at one boundary, as ``benchdb changes`` tells it. */
export interface Event {
  id: string;
  verdict: number;
  cause: string;
  environment: boolean;
  state: string;
  said: string;
  back: boolean;
  last_before: number;
  first_after: number;
  ranges: CommitRange[];
  differences: string[][];
  controls: string[];
  moved: Moved[];
  series: number;
  cases: number;
}

/** Of the recent sessions that ran a case: in how many it failed, or was lost. */
export interface Flaky {
  case: number;
  sessions: number;
  failed: number;
  lost: number;
  changes: number;
}

/** Where to spend effort. */
export interface Health {
  flaky: Flaky[];
  longest: Longest[];
  missing: Missing[];
  hosts: Host[];
}

/** Each release against the one before it, module by module. */
export interface HeatMap {
  tolerance: number;
  columns: string[][];
  modules: string[];
  metrics: HeatMetric[];
}

/** Of one metric: the effect and the counts, by module and column; None where nothing ran. */
export interface HeatMetric {
  metric: number;
  effect: ((number | null)[])[];
  worse: number[][];
  better: number[][];
}

/** A machine: its sessions, and its times relative to the series' levels; None if too few. */
export interface Host {
  name: string;
  conditions: string;
  sessions: number;
  last: number;
  effect: number | null;
}

/** The overview, and what all pages share. */
export interface Index {
  schema: number;
  title: string;
  newest: number | null;
  window: number;
  recent: number;
  tolerance: number;
  links: Links;
  metrics: Metric[];
  conditions: Conditions[];
  sessions: Sessions;
  cases: Cases;
  series: SeriesTable;
  summaries: Summary[];
  events: Event[];
  releases: Release[];
  sides: Side[];
  pairs: number[][];
  shards: Shards;
  notes: string[];
}

/** Templates of addresses; empty where the repository has no page. */
export interface Links {
  commit: string;
  compare: string;
}

/** The median seconds of a case, and its share of the suite's. */
export interface Longest {
  case: number;
  seconds: number;
  share: number;
}

/** One metric. */
export interface Metric {
  name: string;
  unit: string;
  label: string;
  worse: number;
  outcome: boolean;
}

/** A case, and the last session that ran it. */
export interface Missing {
  case: number;
  last: number;
}

/** One series that moved: its number in the table, and by how much, from which level. */
export interface Moved {
  series: number;
  before: number | null;
  effect: number | null;
  low: number | null;
  high: number | null;
  verdict: number;
}

/** Two sides compared, the first one the baseline: series that both have. */
export interface Pair {
  baseline: string;
  contender: string;
  differences: string[][];
  ranges: CommitRange[];
  series: number[];
  against: number[];
  chance: number[];
  effect: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  size: (number | null)[];
  before: number[];
  after: number[];
  ladder: number[];
  more: number[][];
  alone: number[];
  overall: ((number | null)[])[];
}

/** A series with its points, in order of place. */
export interface PointSeries {
  series: number;
  at: number[];
  values: number[];
  segments: Segment[];
  changes: Change[];
  drift: Drift | null;
}

/** The first session of a version of the main subject without a local part. */
export interface Release {
  name: string;
  session: number;
}

/** A stretch with one level: its first point, the level, where nine of ten values lie. */
export interface Segment {
  start: number;
  level: number;
  low: number;
  high: number;
}

/** Columns of series, those that measure and those that count outcomes. */
export interface SeriesTable {
  case: number[];
  metric: number[];
  conditions: number[];
  version: string[];
  points: number[];
  now: number[];
  noise: (number | null)[];
  floor: (number | null)[];
  before: (number | null)[];
  effect: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  verdict: number[];
  since: number[];
  event: number[];
  drift: (number | null)[];
  last: number[];
  failing: number[];
  spark: string[];
}

/** What is unusual in a session. */
export interface SessionPage {
  uid: string;
  before: number;
  judged: number;
  unusual: Unusual[];
  failed: string[];
  lost: string[];
  hung: string[];
  missing: string[];
  facts: string[][];
  packages: string[][];
  artifacts: CaseArtifact[];
  rerun: string;
}

/** The sessions whose uids have one hash. */
export interface SessionShard {
  sessions: SessionPage[];
}

/** Columns of sessions in order of place. */
export interface Sessions {
  uid: string[];
  started: number[];
  place: number[];
  trunk: boolean[];
  commit: string[];
  version: string[];
  branch: string[];
  dirty: boolean[];
  subject: string[];
  author: string[];
  conditions: string[];
  host: string[];
  ci: string[];
  state: string[];
  runs: number[];
  failed: number[];
  lost: number[];
  packages: string[][][];
}

/** In how many files each kind of data is. */
export interface Shards {
  cases: number;
  sessions: number;
  sources: number;
}

/** One side that can be compared. */
export interface Side {
  key: string;
  label: string;
  kind: string;
  asked: string;
  sessions: number[];
}

/** The source of a test, as it is in the repository now. */
export interface Source {
  test: string;
  line: number;
  text: string;
}

/** The tests' sources whose files' paths have one hash. */
export interface SourceShard {
  sources: Source[];
}

/** What the top of the overview says of one metric. */
export interface Summary {
  metric: number;
  headline: string;
  regressed: number;
  improved: number;
  suite: number | null;
  suite_low: number | null;
  suite_high: number | null;
  failing: number;
  noise: number | null;
  index: (number | null)[];
  worse: number[];
  better: number[];
}

/** A value beyond what its series' past lets one expect. */
export interface Unusual {
  series: number;
  value: number;
  level: number;
  effect: number | null;
  low: number | null;
  high: number | null;
  verdict: number;
}
