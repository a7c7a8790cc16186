import { graphql } from '@/api/generated';
import type { LastRecordsQuery } from '@/api/generated/graphql';

export type StreamRecord = LastRecordsQuery['records'][number];

export const StreamNames = graphql(`
  query StreamNames {
    pipeline {
      streams {
        name
        settings {
          topic
        }
      }
    }
  }
`);

export const LastRecords = graphql(`
  query LastRecords($stream: String!, $last: Int!) {
    records(stream: $stream, last: $last) {
      partition
      offset
      timestamp
      key
      headers {
        name
        value
      }
      payloadBase64
      payloadSize
      decoded
      transformed
      points {
        key
        ts
        value
      }
      deadLetter {
        reason
        detail
        element
      }
      skipped
    }
  }
`);
