import type { Operation } from '@/api/session';

/** Operations to start from. Each runs as it is on the demo. */
export interface Example {
  title: string;
  query: string;
  /** What one must be allowed, if more than to read. */
  needs?: Operation;
  /** Of the moment at which the example is opened. */
  variables?(now: Date): Record<string, unknown>;
}

const minutesBefore = (now: Date, minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();

export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    title: 'Latest',
    query: `# The newest point of each series of one metric.
query Latest {
  latest(selector: { metric: "ec2_cpu_utilization" }) {
    series {
      key
    }
    ts
    value
  }
}
`,
  },
  {
    title: 'History',
    query: `# A time range as at most 200 buckets of each series. Buckets without points are null.
query History($from: DateTime!) {
  history(
    selector: { metric: "ec2_cpu_utilization" }
    from: $from
    maxPoints: 200
    aggregate: [AVG, MIN, MAX]
    fill: NULL
  ) {
    series {
      key
    }
    points {
      ts
      avg
      min
      max
    }
  }
}
`,
    variables: (now) => ({ from: minutesBefore(now, 15) }),
  },
  {
    title: 'Live points',
    query: `# What was stored in the last ten seconds, then every point as it is committed.
subscription LivePoints($selector: SeriesSelector!) {
  points(selector: $selector, backfill: "10s") {
    cursor
    conflated
    points {
      key
      ts
      value
    }
  }
}
`,
    variables: () => ({ selector: { metric: 'ec2_cpu_utilization' } }),
  },
  {
    title: 'Resume by cursor',
    query: `# Stop this, put the last cursor that came into \`after\`, and run it again:
# it goes on right behind that message, without gap or duplicate.
subscription Resume($after: Cursor) {
  points(selector: {}, after: $after) {
    cursor
    points {
      key
      ts
      value
    }
  }
}
`,
    variables: () => ({ after: null }),
  },
  {
    title: 'Aggregates',
    query: `# Windows of one minute as they change, those of the last five minutes first.
subscription Aggregates {
  aggregates(
    selector: { metric: "ec2_cpu_utilization" }
    window: "1m"
    aggregate: [AVG, MIN, MAX, COUNT]
    backfill: "5m"
    every: "1s"
  ) {
    windows {
      series {
        key
      }
      ts
      avg
      min
      max
      count
      closed
    }
  }
}
`,
  },
  {
    title: 'Pipeline',
    query: `# The pipeline of this node, once a second: its stages, and what happened in the last second.
subscription Pipeline {
  pipeline(every: "1s") {
    state
    missing
    stages {
      name
      state
      why
      rate
      pressure
    }
    now {
      at
      records
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
  }
}
`,
  },
  {
    title: 'Dead letters',
    query: `# Records that could not be stored: how many for which reason, and the newest of them.
query DeadLetters {
  deadLetterReasons {
    stream
    topic
    reason
    count
    newest
  }
  deadLetters(first: 10) {
    nodes {
      id
      reason
      detail
      topic
      partition
      offset
      timestamp
      attempts
      payload
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  },
  {
    title: 'Publish',
    needs: 'publish',
    query: `# Sends points through Kafka; a moment later they are history and live.
mutation Publish($points: [PointInput!]!) {
  publish(stream: "demo", points: $points) {
    accepted
    durable
    offsets {
      topic
      partition
      lastOffset
    }
  }
}
`,
    variables: (now) => ({
      points: [
        {
          metric: 'playground',
          labels: [{ name: 'by', value: 'hand' }],
          ts: now.toISOString(),
          value: now.getSeconds(),
        },
      ],
    }),
  },
  {
    title: 'Redrive',
    needs: 'operate',
    query: `# Sends dead letters through Kafka again. Take their ids from the example "Dead letters".
mutation Redrive($ids: [ID!]!) {
  redriveDeadLetters(ids: $ids) {
    sent
    skipped {
      id
      code
      reason
    }
  }
}
`,
    variables: () => ({ ids: ['1'] }),
  },
];

export const variablesOf = ({ variables }: Example, now = new Date()): string =>
  variables ? JSON.stringify(variables(now), null, 2) : '';
