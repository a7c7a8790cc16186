import { graphql } from '@/api/generated';

export const Metrics = graphql(`
  query Metrics($search: String, $first: Int) {
    metrics(search: $search, first: $first) {
      name
      series
    }
  }
`);

export const LabelNames = graphql(`
  query LabelNames($selector: SeriesSelector!, $search: String, $first: Int) {
    labels(selector: $selector, search: $search, first: $first) {
      name
      series
    }
  }
`);

export const LabelValues = graphql(`
  query LabelValues($name: String!, $selector: SeriesSelector!, $search: String, $first: Int) {
    labelValues(name: $name, selector: $selector, search: $search, first: $first) {
      value
      series
    }
  }
`);

export const CountSeries = graphql(`
  query CountSeries($selector: SeriesSelector!, $first: Int!) {
    series(selector: $selector, first: $first) {
      nodes {
        id
      }
    }
  }
`);
