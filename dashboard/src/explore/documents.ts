import { graphql } from '@/api/generated';

export const MatchingSeries = graphql(`
  query MatchingSeries($selector: SeriesSelector!, $first: Int!) {
    series(selector: $selector, first: $first) {
      nodes {
        key
        labels {
          name
          value
        }
      }
    }
  }
`);

export const NewestPoints = graphql(`
  query NewestPoints($selector: SeriesSelector!) {
    latest(selector: $selector) {
      ts
    }
  }
`);

export const LivePoints = graphql(`
  subscription LivePoints($selector: SeriesSelector!, $after: Cursor) {
    points(selector: $selector, after: $after, onOverflow: CONFLATE) {
      cursor
      conflated
      points {
        key
        ts
        value
      }
    }
  }
`);

export const LiveWindows = graphql(`
  subscription LiveWindows($selector: SeriesSelector!, $window: Duration!, $aggregate: [Aggregate!]!) {
    aggregates(selector: $selector, window: $window, aggregate: $aggregate) {
      windows {
        series {
          key
        }
        ts
        value
        min
        max
      }
    }
  }
`);
