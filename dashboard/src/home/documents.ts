import { graphql } from '@/api/generated';

graphql(`
  fragment Second on Sample {
    at
    points
    delivered
    deadLetters
    lag
    subscribers
    latency {
      p50
      p99
    }
  }
`);

graphql(`
  fragment PipelineNow on PipelineStatus {
    at
    state
    missing
    degraded
    credits {
      held
      total
    }
    stages {
      name
      state
      why
      total
      rate
      pressure
    }
    now {
      ...Second
    }
  }
`);

export const PipelineHistory = graphql(`
  query PipelineHistory {
    pipeline {
      ...PipelineNow
      samples {
        ...Second
      }
    }
  }
`);

export const PipelineLive = graphql(`
  subscription PipelineLive {
    pipeline(every: "1s") {
      ...PipelineNow
    }
  }
`);

export const WaitingLetters = graphql(`
  query WaitingLetters {
    deadLetterReasons {
      count
    }
  }
`);

export const MetricNames = graphql(`
  query MetricNames($first: Int!) {
    metrics(first: $first) {
      name
      series
    }
  }
`);

export const NewestPoint = graphql(`
  fragment NewestPoint on LatestPoint {
    series {
      key
      metric
      labels {
        name
        value
      }
    }
    ts
    value
  }
`);

export const StreamsToFeed = graphql(`
  query StreamsToFeed {
    pipeline {
      streams {
        name
        settings {
          topic
          timeField
          labels
          values
        }
      }
    }
  }
`);
