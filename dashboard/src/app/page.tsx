'use client';

import { graphql } from '@/api/generated';
import { useApi } from '@/api/query';

const Now = graphql(`
  query Now {
    pipeline {
      state
    }
  }
`);

export default function Home() {
  const { data } = useApi(Now, {});
  return <h1 className="font-semibold text-lg">What flows right now: {data?.pipeline.state}</h1>;
}
