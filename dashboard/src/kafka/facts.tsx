/** Pairs of a name and what it is, in a list of definitions. */
import type { ReactNode } from 'react';

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="wrap-anywhere min-w-0">{children}</dd>
    </>
  );
}

export const HeaderFacts = ({ headers }: { headers: readonly { name: string; value: string }[] }) =>
  headers.map(({ name, value }, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a name may come twice, and their order never changes
    <Fact key={at} name={`Header ${name}`}>
      <code>{value}</code>
    </Fact>
  ));

export const KeyFact = ({ value }: { value: string | null | undefined }) => (
  <Fact name="Key">{value == null ? <span className="text-muted">none</span> : <code>{value}</code>}</Fact>
);
