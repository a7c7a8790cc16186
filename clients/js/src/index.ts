export type {
  Client,
  ClientOptions,
  HistoryOptions,
  LatestPoint,
  LivePoint,
  Metric,
  PointBatch,
  PointsOptions,
  Resuming,
  SeriesHistory,
  Sink,
} from './client.js';
export { createClient } from './client.js';
export { StreamSyncError } from './errors.js';
export type {
  Across,
  Aggregate,
  Fill,
  Fold,
  LabelMatcher,
  LabelOp,
  OverflowPolicy,
  SeriesSelector,
} from './generated/graphql.js';
export type { LatestOptions, LatestState, SeriesOptions, SeriesState } from './live.js';
export { liveLatest, liveSeries } from './live.js';
export type { TypedDocument } from './requests.js';
export type { Connection } from './socket.js';
export type { Store } from './store.js';
export type { Point, Series } from './window.js';
