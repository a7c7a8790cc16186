import { graphql } from '@/api/generated';
import type {
  LetterPageQuery,
  LetterReasonsQuery,
  LetterStatesQuery,
  RedriveLettersMutation,
} from '@/api/generated/graphql';

export type Letter = LetterPageQuery['deadLetters']['edges'][number]['node'];
export type LetterState = LetterStatesQuery['deadLetters']['nodes'][number];
export type ReasonCount = LetterReasonsQuery['deadLetterReasons'][number];
export type Receipt = RedriveLettersMutation['redriveDeadLetters'];
export type Skipped = Receipt['skipped'][number];

export const LetterReasons = graphql(`
  query LetterReasons {
    deadLetterReasons {
      stream
      topic
      reason
      count
      newest
    }
  }
`);

export const LetterPage = graphql(`
  query LetterPage($stream: String, $topic: String, $reason: String, $resolved: Boolean!, $first: Int!, $after: String) {
    deadLetters(
      stream: $stream
      topic: $topic
      reason: $reason
      includeResolved: $resolved
      first: $first
      after: $after
    ) {
      edges {
        cursor
        node {
          id
          stream
          reason
          detail
          element
          topic
          partition
          offset
          timestamp
          key
          headers {
            name
            value
          }
          attempts
          lastFailedAt
          resolvedAt
          payloadBase64
          payloadSize
          payloadTruncated
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** What the formats make of letters, which takes the server some work. */
export const DecodedLetters = graphql(`
  query DecodedLetters($stream: String, $topic: String, $reason: String, $resolved: Boolean!, $first: Int!, $after: String) {
    deadLetters(
      stream: $stream
      topic: $topic
      reason: $reason
      includeResolved: $resolved
      first: $first
      after: $after
    ) {
      nodes {
        id
        decoded
      }
    }
  }
`);

/** What changes in a letter, of many at once. */
export const LetterStates = graphql(`
  query LetterStates($stream: String, $topic: String, $reason: String, $resolved: Boolean!, $first: Int!, $after: String) {
    deadLetters(
      stream: $stream
      topic: $topic
      reason: $reason
      includeResolved: $resolved
      first: $first
      after: $after
    ) {
      nodes {
        id
        attempts
        resolvedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const RedriveLetters = graphql(`
  mutation RedriveLetters($ids: [ID!]!) {
    redriveDeadLetters(ids: $ids) {
      sent
      skipped {
        id
        code
        reason
      }
    }
  }
`);

export const LettersArrive = graphql(`
  subscription LettersArrive {
    pipeline(every: "1s") {
      now {
        deadLetters
      }
    }
  }
`);
