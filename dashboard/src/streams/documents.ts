import { graphql } from '@/api/generated';

graphql(`
  fragment StreamNow on StreamStatus {
    name
    paused
    pausedWhy
    records
    stored
    replaced
    lost
    deadLetters
  }
`);

graphql(`
  fragment PartitionNow on PartitionStatus {
    stream
    topic
    partition
    nextOffset
    endOffset
    lag
    trouble
  }
`);

graphql(`
  fragment WriterNow on Writer {
    stream
    principal
    path
    points
    refused
    requests
    failed
    lastSeen
  }
`);

graphql(`
  fragment Settings on StreamSettings {
    topic
    partitions
    format
    timeField
    timeUnit
    labels
    values
    metricPrefix
    onMissing
    start
    onOffsetLost
    acceptPast
    acceptFuture
    retention {
      level
      keep
    }
    maxSeries
    maxRecordBytes
    redriveTopic
  }
`);

export const StreamsAtFirst = graphql(`
  query StreamsAtFirst {
    pipeline {
      at
      streams {
        ...StreamNow
        settings {
          ...Settings
        }
      }
      partitions {
        ...PartitionNow
      }
      writers {
        ...WriterNow
      }
    }
  }
`);

export const StreamsLive = graphql(`
  subscription StreamsLive {
    pipeline(every: "1s") {
      at
      streams {
        ...StreamNow
      }
      partitions {
        ...PartitionNow
      }
      writers {
        ...WriterNow
      }
    }
  }
`);

export const Kept = graphql(`
  query Kept {
    pipeline {
      offsets {
        stream
        topic
        partition
      }
      gaps {
        topic
        partition
        epoch
        fromOffset
        toOffset
        noticedAt
      }
      storage {
        levels {
          level
          partitions
          bytes
          oldest
          madeAheadUntil
        }
        horizons {
          stream
          level
          floor
        }
        rollupEdge
        pendingInvalidations
        oldestPending
        archivedDays
        newestArchivedDay
        maintenance {
          at
          outcome
          error
          droppedPartitions
          expiredRows
        }
      }
    }
  }
`);
